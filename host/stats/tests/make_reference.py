"""Writes reference.json: the figures that the field's libraries give for a few series.

    python3 -m venv venv
    venv/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86
    venv/bin/python host/stats/tests/make_reference.py

Everything random comes from one seed, so a second run writes the same file. Where empyrical
answers with "not a number" or infinity the file has null. A key is listed under `quantstats` where
quantstats defines the figure as we do; win rate and profit factor come from it alone. XIRR has no
function in either and is solved with scipy.
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
    keys = ["annual_return", "annual_volatility", "sharpe", "downside_risk", "sortino",
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


def case(name, equity, n=252, rf=0.0, window=None, benchmark=None, net=None, quants=True):
    equity = [float(value) for value in equity]
    returns = numpy.array([b / a - 1 for a, b in zip(equity, equity[1:])])
    f = (1 + rf) ** (1 / n) - 1
    other = None
    if benchmark is not None:
        benchmark = [float(value) for value in benchmark]
        other = numpy.array([b / a - 1 for a, b in zip(benchmark, benchmark[1:])])
    return {
        "name": name, "equity": equity, "benchmark": benchmark, "periods": n, "rf": rf,
        "window": window, "net": net or [],
        "empyrical": single(returns, other, f, n),
        "quantstats": from_quantstats(returns, rf, n) if quants else {},
        "trips": trips(net) if net else {},
        "rolling": rolling(returns, other, f, n, window) if window else {},
    }


def walk(steps, drift, deviation, start=10_000.0):
    values = [start]
    for shock in random.normal(drift, deviation, steps):
        values.append(round(values[-1] * (1 + shock), 2))
    return values


def xirr(flows):
    """flows: (days since the first, amount)."""
    return brentq(lambda rate: sum(a * (1 + rate) ** (-d / 365) for d, a in flows), -0.999999, 1e4,
                  xtol=1e-15, rtol=1e-15, maxiter=1000)


net = [round(value, 2) for value in random.normal(1, 40, 60)] + [0.0, 0.0]
up = [10_000.0]
for step in random.uniform(0.0001, 0.01, 30):
    up.append(round(up[-1] * (1 + step), 2))
flows = [
    [[0, -10000.0], [365, 11000.0]],
    [[0, -10000.0], [120, -5000.0], [200, 2500.0], [397, 13800.25]],
    [[0, -10000.0], [90, 1400.0]],
    [[0, -2500.0], [400, -2500.0], [900, 9100.5]],
]
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
]
document = {
    "made_with": {"empyrical-reloaded": "0.7.1", "quantstats": "0.0.86"},
    "cases": cases,
    "xirr": [{"flows": each, "rate": xirr(each)} for each in flows],
}
target = pathlib.Path(__file__).with_name("reference.json")
target.write_text("{\n" + ",\n".join(
    f"{json.dumps(key)}: " + ("[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
                              if isinstance(value, list) else json.dumps(value))
    for key, value in document.items()) + "\n}\n")
