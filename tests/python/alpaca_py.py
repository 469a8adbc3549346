"""Unmodified alpaca-py 0.44.0 against a paper exchange: one line per check, first failure ends.

Usage: alpaca_py.py URL KEY SECRET [--symbol SPY] [--crypto BTC/USD] [--seconds 60]

URL is the exchange's base, such as http://127.0.0.1:8810. Its market must be moving (one bar every
second or so) and within a session for --symbol. The account must be flat and without orders, as
the script counts. Exit code 0: all checks passed, 1: a check failed, 2: alpaca-py is missing.
"""

import argparse
import asyncio
import queue
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

try:
    from alpaca.common.exceptions import APIError
    from alpaca.data.enums import DataFeed
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient
    from alpaca.data.live.crypto import CryptoDataStream
    from alpaca.data.live.stock import StockDataStream
    from alpaca.data.requests import (
        CryptoBarsRequest,
        StockBarsRequest,
        StockLatestBarRequest,
        StockLatestQuoteRequest,
        StockLatestTradeRequest,
        StockSnapshotRequest,
    )
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import (
        ClosePositionRequest,
        GetAssetsRequest,
        GetCalendarRequest,
        GetOrdersRequest,
        GetPortfolioHistoryRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopOrderRequest,
    )
    from alpaca.trading.stream import TradingStream
except ImportError as error:
    print(f"SKIPPED alpaca-py is not installed: {error}")
    sys.exit(2)


class Failed(Exception):
    """A check that did not hold."""


def check(name, holds, found=""):
    if not holds:
        raise Failed(f"{name}: {found}")
    print(f"ok   {name}", flush=True)


def refused(name, call, code_family, words):
    """The call must be refused with a code of the family and one of the words."""
    try:
        call()
    except APIError as error:
        holds = str(error.code).startswith(code_family) and words in error.message
        check(name, holds, f"{error.code} {error.message}")
        return
    raise Failed(f"{name}: was accepted")


class Feed:
    """A stream in a thread of its own, its messages in a queue."""

    def __init__(self, stream, subscribe):
        self.stream = stream
        self.messages = queue.Queue()

        async def handler(message):
            self.messages.put(message)

        subscribe(stream, handler)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        # stream.run() would stop a loop that stop() has closed already.
        asyncio.run(self.stream._run_forever())

    def wait(self, name, wanted, seconds):
        end = time.monotonic() + seconds
        seen = []
        while time.monotonic() < end:
            try:
                message = self.messages.get(timeout=0.2)
            except queue.Empty:
                continue
            if wanted(message):
                return message
            seen.append(message)
        raise Failed(f"{name}: not seen in {seconds} s, but {seen[-3:]}")

    def stop(self):
        self.stream.stop()
        self.thread.join(timeout=10)


def event(order_id, *names):
    return lambda update: str(update.order.id) == str(order_id) and getattr(update.event, "value", update.event) in names


def account_checks(trading, args):
    account = trading.get_account()
    check("account is active", account.status.value == "ACTIVE", account.status)
    check("account number is a paper one", account.account_number.startswith("PA"), account.account_number)
    check("account has cash", float(account.cash) > 0, account.cash)
    check("account can trade", not account.trading_blocked and not account.account_blocked)
    settings = trading.get_account_configurations()
    settings.suspend_trade = True
    check("configurations are set", trading.set_account_configurations(settings).suspend_trade)
    order = MarketOrderRequest(symbol=args.symbol, qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    refused("suspended trading refuses orders", lambda: trading.submit_order(order), "403", "rejected by user")
    settings.suspend_trade = False
    check("configurations are set back", not trading.set_account_configurations(settings).suspend_trade)
    wrong = TradingClient(args.key, args.secret + "x", url_override=args.url)
    try:
        wrong.get_account()
        raise Failed("a wrong secret: was accepted")
    except APIError as error:
        check("a wrong secret is refused", "unauthorized" in str(error), error)


def market_checks(trading, args):
    clock = trading.get_clock()
    check("clock is of the replay and open", clock.is_open, clock)
    check("clock knows the next close", clock.next_close > clock.timestamp, clock)
    day = clock.timestamp.date()
    days = trading.get_calendar(GetCalendarRequest(start=day, end=day + timedelta(days=7)))
    check("calendar has the day", days[0].date == day, days[:1])
    check("calendar has opening times", days[0].open.hour == 9 and days[0].open.minute == 30, days[0])
    assets = trading.get_all_assets(GetAssetsRequest(status="active"))
    check("assets list the symbol", args.symbol in [asset.symbol for asset in assets], assets)
    asset = trading.get_asset(args.symbol)
    check("asset is tradable", asset.tradable and asset.symbol == args.symbol, asset)
    refused("an unknown asset is not found", lambda: trading.get_asset("NOSUCH"), "404", "not found")
    if args.crypto:
        pair = trading.get_asset(args.crypto.replace("/", "%2F"))
        check("crypto asset by pair", pair.symbol == args.crypto, pair)


def order_checks(trading, updates, price, args):
    symbol, wait = args.symbol, args.seconds
    market = trading.submit_order(
        MarketOrderRequest(
            symbol=symbol, qty=2.0, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id="py-market-1"
        )
    )
    check("market order is taken", market.client_order_id == "py-market-1", market)
    fill = updates.wait("fill of the market order", event(market.id, "fill"), wait)
    check("fill has price and execution id", fill.price > 0 and fill.execution_id is not None, fill)
    check("fill tells the position", float(fill.position_qty) == 2.0, fill.position_qty)
    filled = trading.get_order_by_id(market.id)
    check("order is filled", filled.status.value == "filled" and float(filled.filled_qty) == 2.0, filled)
    check("order by client id", trading.get_order_by_client_id("py-market-1").id == market.id)
    position = trading.get_open_position(symbol)
    check("position is held", float(position.qty) == 2.0 and position.side.value == "long", position)
    check("positions list it", [p.symbol for p in trading.get_all_positions()] == [symbol])

    again = MarketOrderRequest(
        symbol=symbol, qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id="py-market-1"
    )
    refused("a duplicate client order id is refused", lambda: trading.submit_order(again), "4", "must be unique")
    much = MarketOrderRequest(symbol=symbol, qty=10_000_000, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    refused("too large an order is refused", lambda: trading.submit_order(much), "40310000", "insufficient buying power")
    more = MarketOrderRequest(symbol=symbol, qty=50, side=OrderSide.SELL, time_in_force=TimeInForce.DAY)
    refused("more than is held is refused", lambda: trading.submit_order(more), "403", "")

    low = round(price * 0.5, 2)
    limit = trading.submit_order(
        LimitOrderRequest(symbol=symbol, qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=low)
    )
    updates.wait("limit order at work", event(limit.id, "new"), wait)
    opened = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, symbols=[symbol]))
    check("open orders list it", [order.id for order in opened] == [limit.id], opened)
    check("limit price is exact", float(opened[0].limit_price) == low, opened[0].limit_price)
    sell = MarketOrderRequest(symbol=symbol, qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.DAY)
    refused("a wash trade is refused", lambda: trading.submit_order(sell), "403", "wash trade")

    newer = trading.replace_order_by_id(limit.id, ReplaceOrderRequest(qty=2, limit_price=round(low * 0.9, 2)))
    check("replacement is a new order", newer.id != limit.id and newer.replaces == limit.id, newer)
    replaced = updates.wait("replaced event", event(limit.id, "replaced"), wait)
    check("old order names the new one", replaced.order.replaced_by == newer.id, replaced.order)
    check("replacement has the new quantity", float(trading.get_order_by_id(newer.id).qty) == 2.0)
    trading.cancel_order_by_id(newer.id)
    canceled = updates.wait("canceled event", event(newer.id, "canceled"), wait)
    check("order is canceled", canceled.order.status.value == "canceled", canceled.order)
    refused(
        "a filled order cannot be canceled",
        lambda: trading.cancel_order_by_id(market.id),
        "422",
        "filled",
    )
    unknown = "00000000-0000-4000-8000-000000000000"
    refused("an unknown order is not found", lambda: trading.get_order_by_id(unknown), "404", "not found")


def closing_checks(trading, updates, price, args):
    symbol, wait = args.symbol, args.seconds
    stop = trading.submit_order(
        StopOrderRequest(
            symbol=symbol, qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, stop_price=round(price * 0.4, 2)
        )
    )
    updates.wait("stop order at work", event(stop.id, "new", "accepted"), wait)
    held = trading.get_open_position(symbol)
    check("the stop holds a share", float(held.qty_available) == 1.0, held.qty_available)
    lines = trading.cancel_orders()
    check("cancel of all lists the order", [str(line.id) for line in lines] == [str(stop.id)], lines)
    updates.wait("stop order canceled", event(stop.id, "canceled"), wait)
    part = trading.close_position(symbol, ClosePositionRequest(qty="1"))
    updates.wait("part of the position closed", event(part.id, "fill"), wait)
    check("one share is left", float(trading.get_open_position(symbol).qty) == 1.0)
    rest = trading.close_all_positions(cancel_orders=True)
    check("close of all lists the position", [line.symbol for line in rest] == [symbol], rest)
    updates.wait("position closed", event(rest[0].body.id, "fill"), wait)
    check("account is flat", trading.get_all_positions() == [])
    everything = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500, direction="asc"))
    check("all orders are listed", len(everything) >= 6, len(everything))
    fills = trading.get("/account/activities", {"activity_types": "FILL", "direction": "asc"})
    check("activities have the fills", {f["side"] for f in fills} == {"buy", "sell"}, fills)
    page = trading.get("/account/activities/FILL", {"page_size": 1, "direction": "asc"})
    following = {"page_size": 1, "direction": "asc", "page_token": page[0]["id"]}
    second = trading.get("/account/activities/FILL", following)
    check("activities have pages", [page[0]["id"], second[0]["id"]] == [f["id"] for f in fills[:2]], second)
    total = sum((1 if f["side"] == "sell" else -1) * float(f["qty"]) * float(f["price"]) for f in fills)
    start = float(trading.get_portfolio_history(GetPortfolioHistoryRequest(period="1M", timeframe="1D")).base_value)
    cash = float(trading.get_account().cash)
    check("cash is the sum of the fills", abs(start + total - cash) < 0.05, (start, total, cash))


def data_checks(args, now):
    client = StockHistoricalDataClient(args.key, args.secret, url_override=args.url)
    symbol, feed = args.symbol, DataFeed.IEX
    start = now - timedelta(days=1)
    minute = client.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=symbol, timeframe=TimeFrame.Minute, start=start, feed=feed)
    )
    bars = minute.data[symbol]
    check("historical bars", len(bars) > 0 and bars[0].close > 0, bars[:1])
    check("no bar of the future", bars[-1].timestamp < now + timedelta(minutes=1), (bars[-1].timestamp, now))
    request = StockBarsRequest(
        symbol_or_symbols=[symbol], timeframe=TimeFrame(5, TimeFrameUnit.Minute), start=start, feed=feed, limit=1
    )
    check("coarser bars and a limit", len(client.get_stock_bars(request).data[symbol]) == 1)
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=symbol, feed=feed))[symbol]
    check("latest quote", quote.bid_price > 0 and quote.ask_price >= quote.bid_price, quote)
    trade = client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=symbol, feed=feed))[symbol]
    check("latest trade", trade.price > 0, trade)
    bar = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=symbol, feed=feed))[symbol]
    check("latest bar", bar.volume >= 0, bar)
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=symbol, feed=feed))[symbol]
    check("snapshot", snapshot.daily_bar.high >= snapshot.daily_bar.low, snapshot)
    if args.crypto:
        crypto = CryptoHistoricalDataClient(args.key, args.secret, url_override=args.url)
        found = crypto.get_crypto_bars(
            CryptoBarsRequest(symbol_or_symbols=args.crypto, timeframe=TimeFrame.Minute, start=start)
        )
        check("historical crypto bars", len(found.data[args.crypto]) > 0)


def run(args):
    trading = TradingClient(args.key, args.secret, url_override=args.url)
    sockets = args.url.replace("http://", "ws://", 1)
    updates = Feed(
        TradingStream(args.key, args.secret, url_override=f"{sockets}/stream"),
        lambda stream, handler: stream.subscribe_trade_updates(handler),
    )
    bars = Feed(
        StockDataStream(args.key, args.secret, url_override=f"{sockets}/v2/iex"),
        lambda stream, handler: stream.subscribe_bars(handler, args.symbol),
    )
    crypto = None
    if args.crypto:
        crypto = Feed(
            CryptoDataStream(args.key, args.secret, url_override=f"{sockets}/v1beta3/crypto/us"),
            lambda stream, handler: stream.subscribe_bars(handler, "*"),
        )
    bar = bars.wait("a bar", lambda bar: bar.symbol == args.symbol, args.seconds)
    check("bar stream", bar.close > 0 and bar.timestamp.tzinfo is not None, bar)
    following = bars.wait("a second bar", lambda other: other.timestamp > bar.timestamp, args.seconds)
    check("bars go on", following.symbol == args.symbol, following)
    if crypto:
        pair = crypto.wait("a crypto bar", lambda bar: bar.symbol == args.crypto, args.seconds)
        check("crypto bar stream", pair.close > 0, pair)
    account_checks(trading, args)
    market_checks(trading, args)
    # The account stream answers its listen before it tells anything: wait until it is ready.
    deadline = time.monotonic() + args.seconds
    while not updates.stream._running and time.monotonic() < deadline:
        time.sleep(0.05)
    check("account stream is up", updates.stream._running)
    order_checks(trading, updates, bar.close, args)
    closing_checks(trading, updates, bar.close, args)
    data_checks(args, trading.get_clock().timestamp.astimezone(timezone.utc))
    for feed in filter(None, (updates, bars, crypto)):
        feed.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("secret")
    parser.add_argument("--symbol", default="SPY")
    parser.add_argument("--crypto", default="")
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    begun = datetime.now()
    try:
        run(args)
    except Failed as failure:
        print(f"FAIL {failure}", flush=True)
        sys.exit(1)
    print(f"all checks passed in {(datetime.now() - begun).total_seconds():.1f} s")
    sys.exit(0)


if __name__ == "__main__":
    main()
