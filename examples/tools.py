"""
A small customer service for a voice assistant.

    flashlive tools examples/tools.py
    flashlive talk --tools examples/tools.py

Every public function in this file is a tool. Its type hints tell the model what to send, its docstring tells it
when to call and what each argument means; the result is told back to the model. Names that start with an
underscore stay private.
"""

import asyncio
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from flashlive_cli import tool

_ORDERS = {
    "A-1001": "It has shipped and arrives on Thursday.",
    "A-1002": "It is being packed and leaves the warehouse tomorrow.",
    "A-1003": "It was delivered on Monday and left with a neighbour.",
    "B-2001": "It was cancelled, and the money is on its way back.",
}

_PRICES = {"A-1001": 24.90, "A-1002": 129.00, "A-1003": 9.50}

_WEATHER: dict[str, dict[str, str | int]] = {
    "berlin": {"sky": "light rain", "temperature_c": 9},
    "london": {"sky": "cloudy", "temperature_c": 11},
    "new york": {"sky": "sunny", "temperature_c": 14},
}


def _order(order_id: str) -> str:
    """Read what a speech model hears: "a 1001", "A1001", "A-1001"."""
    letters = order_id.upper().replace("-", "").replace(" ", "")
    return f"{letters[:1]}-{letters[1:]}"


def check_order_status(order_id: str) -> str:
    """
    Look up where an order is.

    Args:
        order_id: One letter, a dash and four digits, such as A-1001.
    """
    status = _ORDERS.get(_order(order_id))
    return status or f"There is no order {order_id}. Ask the caller to read the number again."


@tool(confirm=True)  # money: whoever sits at the keyboard has the last word
def refund_order(
    order_id: str,
    reason: Literal["damaged", "late", "wrong item", "changed mind"],
    percent: Annotated[int, Field(ge=1, le=100)] = 100,
) -> dict[str, str | float]:
    """
    Pay the price of an order back, in whole or in part. Look the order up first and tell the caller the amount.

    Args:
        order_id: One letter, a dash and four digits, such as A-1001.
        reason: Why the caller wants the money back.
        percent: How much of the price.
    """
    order = _order(order_id)
    if order not in _PRICES:
        raise LookupError(f"there is nothing to pay back for order {order_id}")  # the model is told so
    return {"order": order, "refunded_eur": round(_PRICES[order] * percent / 100, 2), "reason": reason}


async def book_appointment(
    day: date,
    service: Literal["repair", "consultation", "pickup"],
    time_of_day: Literal["morning", "afternoon"] = "morning",
) -> dict[str, str]:
    """
    Book one appointment in the shop. Confirm day and service with the caller first.

    Args:
        day: The day.
        service: What the appointment is for.
        time_of_day: When on that day.
    """
    await asyncio.sleep(0.5)  # the calendar of a real shop takes its time, and the talk goes on meanwhile
    return {"booked": f"{day:%A, %d %B %Y}, {time_of_day}", "service": service}


def get_weather(city: str) -> dict[str, str | int]:
    """
    Tell the weather in a city right now.

    Args:
        city: Name of the city, in English.
    """
    known = _WEATHER.get(city.strip().lower())
    return {"city": city, **known} if known else {"city": city, "problem": "no report for this city"}
