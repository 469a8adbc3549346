"""Writes values.json: the figures that the field's libraries give for some series.

    python3 -m venv venv
    venv/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86
    venv/bin/python host/stats/tests/reference/make.py

Everything random comes from one seed, so a second run writes the same file. Where empyrical
answers with "not a number" or infinity the file has null. A key is listed under `quantstats` where
quantstats defines the figure as we do; win rate and profit factor come from it alone, as do
drawdowns with their dates and returns by month. XIRR has no function in either and is solved with
scipy. Returns over a deposit are chained with pandas, then given to the libraries.

What is ours stands here with its reason: returns that are all equal have no variance (`EQUAL`: the
libraries divide by what rounding left of it); quantstats is left out where it takes a rate below
zero for none.
"""

import json
import math
import pathlib
import warnings

import empyrical
import numpy
import pandas
import quantstats
from scipy.optimize import brentq

warnings.simplefilter("ignore")
random = numpy.random.default_rng(20190211)


def number(value):
    value = float(value)
    return value if math.isfinite(value) else None


def single(returns, benchmark, f, n):
    figures = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=n),
        "annual_volatility": empyrical.annual_volatility(returns, annualization=n),
        "sharpe": empyrical.sharpe_ratio(returns, risk_free=f, annualization=n),
        "downside_risk": empyrical.downside_risk(returns, required_return=f, annualization=n),
        "sortino": empyrical.sortino_ratio(returns, required_return=f, annualization=n),
        "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns, annualization=n),
        "omega": empyrical.omega_ratio(returns, risk_free=f),
        "var_95": empyrical.value_at_risk(returns),
        "cvar_95": empyrical.conditional_value_at_risk(returns),
    }
    if benchmark is not None:
        figures["beta"] = empyrical.beta(returns, benchmark, risk_free=f)
        figures["alpha"] = empyrical.alpha(returns, benchmark, risk_free=f, annualization=n)
    return {key: number(value) for key, value in figures.items()}


def rolling(returns, benchmark, f, n, window):
    keys = ["total_return", "annual_return", "annual_volatility", "sharpe", "downside_risk", "sortino",
            "max_drawdown", "beta", "alpha"]
    lists = {key: [] for key in keys if benchmark is not None or key not in ("beta", "alpha")}
    for end in range(window, len(returns) + 1):
        other = None if benchmark is None else benchmark[end - window:end]
        figures = single(returns[end - window:end], other, f, n)
        for key, values in lists.items():
            values.append(figures[key])
    return lists


def from_quantstats(returns, rf, n):
    series = pandas.Series(returns, index=pandas.date_range("2019-01-01", periods=len(returns)))
    stats = quantstats.stats
    figures = {
        "annual_volatility": stats.volatility(series, periods=n),
        "sharpe": stats.sharpe(series, rf=rf, periods=n),
        "sortino": stats.sortino(series, rf=rf, periods=n),
        "max_drawdown": stats.max_drawdown(series),
        "omega": stats.omega(series, rf=rf, periods=n),
    }
    return {key: number(value) for key, value in figures.items()}


def trips(net):
    series = pandas.Series(net)
    losses = [-value for value in net if value < 0]
    figures = {
        "win_rate": sum(value > 0 for value in net) / len(net),
        "win_rate_decided": quantstats.stats.win_rate(series, prepare_returns=False),
        "profit_factor": quantstats.stats.profit_factor(series, prepare_returns=False),
        "expectancy": float(numpy.mean(net)),
        "expectancy_in_losses": float(numpy.mean(net) / numpy.mean(losses)) if losses else math.nan,
    }
    return {key: number(value) for key, value in figures.items()}


# No variance: what the libraries divide by is 1e-18, and their ratio arbitrary.
EQUAL = {"annual_volatility": 0.0, "sharpe": None}


def case(name, equity, n=252, rf=0.0, window=None, benchmark=None, net=None, quants=True,
         ours=None, returns=False):
    equity = [float(value) for value in equity]
    are_returns, returns = returns, numpy.array(equity)
    if not are_returns:
        returns = numpy.array([b / a - 1 for a, b in zip(equity, equity[1:])])
    f = (1 + rf) ** (1 / n) - 1
    other = None
    if benchmark is not None:
        benchmark = [float(value) for value in benchmark]
        other = numpy.array([b / a - 1 for a, b in zip(benchmark, benchmark[1:])])
    return {
        "name": name, "returns" if are_returns else "equity": equity, "benchmark": benchmark, "periods": n, "rf": rf,
        "window": window, "net": net or [],
        "empyrical": single(returns, other, f, n) | (ours or {}),
        "quantstats": from_quantstats(returns, rf, n) if quants else {},
        "trips": trips(net) if net else {},
        "rolling": rolling(returns, other, f, n, window) if window else {},
    }


def walk(steps, drift, deviation, start=10_000.0):
    values = [start]
    for shock in random.normal(drift, deviation, steps):
        values.append(round(values[-1] * (1 + shock), 2))
    return values


def history(name, days, equity, flows, n=252, rf=0.0, window=None, benchmark=None, within=()):
    """A sleeve with movements of capital.

    equity: just before the flow of its day; flows: day -> amount. `within` are the places of
    valuations that end no period: their sub-periods are chained into the next one's.
    """
    returns, ends, growth = [], [days[0]], 1.0
    for place in range(1, len(days)):
        growth *= equity[place] / (equity[place - 1] + flows.get(days[place - 1], 0.0))
        if place not in within:
            returns.append(growth - 1)
            ends.append(days[place])
            growth = 1.0
    dates = pandas.to_datetime("2019-01-01") + pandas.to_timedelta(ends, unit="D")
    series = pandas.Series(returns, index=dates[1:])
    values = other = None
    if benchmark is not None:
        values = pandas.Series([value for _, value in benchmark], index=[day for day, _ in benchmark])
        at = [values.loc[:end].iloc[-1] for end in ends]
        other = numpy.array([b / a - 1 for a, b in zip(at, at[1:])])
    f = (1 + rf) ** (1 / n) - 1
    moved = [[day, -flows[day]] for day in days[:-1] if flows.get(day)]
    paid = [[days[0], -equity[0]]] + moved + [[days[-1], equity[-1]]]
    months = quantstats.stats.monthly_returns(series.copy())
    table = {int(year): [float(months.loc[year].iloc[month]) for month in range(13)]
             for year in months.index}
    return {
        "name": name, "periods": n, "rf": rf, "window": window,
        "valuations": [[day, value, flows.get(day, 0.0), place not in within]
                       for place, (day, value) in enumerate(zip(days, equity))],
        "benchmark": benchmark,
        "expected": single(series.to_numpy(), other, f, n) | {
            "time_weighted_return": number(empyrical.cum_returns_final(series)),
            "money_weighted_return": xirr(paid),
        },
        "rolling": rolling(series.to_numpy(), other, f, n, window) if window else {},
        "monthly": table,
        "drawdowns": fallen(series, ends),
    }


def fallen(series, ends):
    """[depth, places of peak, trough and recovery]: quantstats counts the days below the peak.

    None where the first return is a loss: its table has no peak at the start, ours does.
    """
    if series.iloc[0] < 0:
        return None
    quant = quantstats.stats
    details = quant.drawdown_details(quant.to_drawdown_series(series.copy()))
    places = {date.strftime("%Y-%m-%d"): place + 1 for place, date in enumerate(series.index)}
    rows = []
    for _, row in details.iterrows():
        first, valley, last = places[row["start"]], places[row["valley"]], places[row["end"]]
        recovery = last + 1 if last + 1 < len(ends) else None
        rows.append([float(row["max drawdown"]) / 100, first - 1, valley, recovery])
    return sorted(rows)


def xirr(flows):
    """flows: (days since the first, amount)."""
    growth = brentq(lambda g: sum(a * math.exp(-g * d / 365) for d, a in flows), -30, 30,
                    xtol=1e-16, rtol=1e-15, maxiter=1000)
    return math.expm1(growth)


net = [round(value, 2) for value in random.normal(1, 40, 60)] + [0.0, 0.0]
up = [10_000.0]
for step in random.uniform(0.0001, 0.01, 30):
    up.append(round(up[-1] * (1 + step), 2))
flows = [
    [[0, -10000.0], [365, 11000.0]],
    [[0, -10000.0], [120, -5000.0], [200, 2500.0], [397, 13800.25]],
    [[0, -10000.0], [90, 1400.0]],
    [[0, -2500.0], [400, -2500.0], [900, 9100.5]],
    [[0, -10000.0], [200, 0.01]],
    [[0, -100.0], [7, 131.0]],
    [[0, -10000.0], [30, 9000.0], [60, -9000.0], [365, 10100.0]],
]
trading = [day for day in range(0, 400) if (day + 1) % 7 not in (5, 6)]

same = walk(25, 0.0, 0.01)
cases = [
    case("random walk", walk(120, 0.0004, 0.012), window=20, benchmark=walk(120, 0.0003, 0.01),
         net=net),
    case("random walk with a risk-free rate", walk(100, 0.0006, 0.009), rf=0.025,
         benchmark=walk(100, 0.0004, 0.011)),
    case("constant equity", [10_000.0] * 15, window=5, quants=False),
    case("one return", [10_000.0, 10_050.0], quants=False),
    case("no losses", up, net=[10.0, 25.5, 0.0, 3.25], quants=False),
    case("loss on the first day", [10_000.0, 9_100.0, 9_050.0, 9_400.0, 9_900.0, 9_800.0]),
    case("near ruin", [10_000.0, 7_000.0, 1_500.0, 90.0, 12.5, 3.01, 4.0, 2.5, 2.6]),
    case("ruin", [10_000.0, 5_000.0, 2_500.0, 0.0], quants=False),
    case("crypto, 365 days", walk(90, 0.002, 0.035), n=365, rf=0.01, window=30,
         benchmark=walk(90, 0.001, 0.03)),
    case("losing round trips alone", walk(30, -0.001, 0.01), net=[-4.0, -1.5, -0.01]),
    case("21 returns, a whole step of the percentile", walk(21, 0.0, 0.01)),
    case("near ruin, to a millionth of the start",
         [10_000.0] + [round(10_000 * 10 ** (-step / 4), 8) for step in range(1, 25)]
         + [0.0102, 0.0099, 0.01]),
    case("equal gains", [0.01] * 12, window=4, quants=False, ours=EQUAL, returns=True),
    case("equal losses", [-0.01] * 12, quants=False, ours=EQUAL, returns=True),
    case("equal to the risk-free rate", [(1 + 0.03) ** (1 / 252) - 1] * 9, rf=0.03, quants=False,
         ours=EQUAL | {"sortino": None, "omega": None}, returns=True),
    case("a benchmark that does not vary", walk(12, 0.0, 0.01), benchmark=[100.0] * 13),
    case("its own benchmark", same, benchmark=same),
    case("against its benchmark", walk(40, 0.0, 0.01), benchmark=walk(40, 0.0, 0.01, 50.0), rf=0.05,
         window=2),
    case("one return with a benchmark", [10_000.0, 9_900.0], benchmark=[10.0, 10.1], quants=False),
    case("a rate below zero", walk(60, 0.0005, 0.01), rf=-0.005, quants=False),
    case("months for periods", walk(36, 0.006, 0.04), n=12, rf=0.02, window=12,
         benchmark=walk(36, 0.005, 0.03)),
    case("a large jump in a quiet series", [100.0, 100.01, 100.02, 900.0, 900.02, 900.01, 900.05,
                                            900.06, 900.04, 900.07], window=3),
] + [
    case(f"random walk of {length}", walk(length, 0.0003, 0.011), rf=0.01 if length % 2 else 0.0,
         benchmark=walk(length, 0.0002, 0.01, 300.0))
    for length in (2, 3, 4, 20, 22, 41, 252, 1_260)
]
grown = walk(len(trading) - 1, 0.0004, 0.012)
with_deposit = grown[:90] + [round(value * 3, 2) for value in grown[90:]]
histories = [
    history("a year of trading days, a benchmark of calendar days", trading, grown, {}, window=60,
            rf=0.02, benchmark=list(enumerate(walk(trading[-1], 0.0003, 0.01, 250.0)))),
    history("a deposit in the middle", trading, with_deposit,
            {trading[89]: round(2 * grown[89], 2)}),
    history("deposits and withdrawals, one within a period", trading[:41],
            walk(40, 0.001, 0.02), {trading[7]: 150.0, trading[20]: -300.0, trading[33]: 80.5},
            within=(7,)),
    history("a loss on the first day, then a withdrawal", [0, 1, 2, 3, 4],
            [1_000.0, 900.0, 905.0, 410.0, 420.0], {2: -500.0}),
    history("crypto, every day", list(range(120)), walk(119, 0.001, 0.03), {60: 5_000.0}, n=365),
]
document = {
    "made_with": {"empyrical-reloaded": "0.7.1", "quantstats": "0.0.86"},
    "cases": cases,
    "histories": histories,
    "xirr": [{"flows": each, "rate": xirr(each)} for each in flows],
}
target = pathlib.Path(__file__).with_name("values.json")
target.write_text("{\n" + ",\n".join(
    f"{json.dumps(key)}: " + ("[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
                              if isinstance(value, list) else json.dumps(value))
    for key, value in document.items()) + "\n}\n")
