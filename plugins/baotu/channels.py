"""Who is told: the channels of BAOTU_ALERT_URLS, through Apprise; what each wants to hear, and whether it took it."""

import hashlib
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import unquote, unquote_plus

from baotu.alerts import Severity

Language = Literal["zh", "en", "both"]

#: A digest is read on a phone: never more than this, and never more than the channel takes.
MAX_BYTES = 8000

#: What a URL may say for Baotu itself; it is taken out before Apprise reads the rest.
_OURS = re.compile(r"(?<=[?&])baotu_(?P<name>\w+)=(?P<value>[^&]*)&?")
#: Group robots that answer 200 and say in the body that they refused. Other plugins read their answers themselves.
_ROBOTS = ("wecombot", "dingtalk", "feishu")


@dataclass(frozen=True)
class Channel:
    """One recipient. `owners`: parts of owners' names; none stands for all."""

    #: Recognises the channel in later calls without keeping its URL.
    key: str
    #: For people and logs: position, scheme and, where it is no secret, host.
    name: str
    #: Bytes of title and body together.
    room: int = MAX_BYTES
    language: Language = "both"
    #: Nothing below this.
    severity: Severity = "info"
    owners: tuple[str, ...] = ()
    #: Apprise's service, None where the URL is not one.
    service: Any = None

    def wants(self, severity: str, owner: str) -> bool:
        """Whether an alert is for this recipient."""
        order = get_args(Severity)
        return order.index(severity) <= order.index(self.severity) and (
            not self.owners or any(part in owner for part in self.owners)
        )


@dataclass(frozen=True)
class Message:
    """A digest in the words and the length of one channel."""

    title: str
    body: str
    is_critical: bool


def channels(configured: str) -> list[Channel]:
    """The channels that BAOTU_ALERT_URLS names, each once. An unusable URL is a channel that never takes anything."""
    # Imported here: 0.5 s and a hundred plugins that only a run with something to say needs.
    from apprise import Apprise, AppriseAsset
    from apprise.utils.parse import parse_urls

    asset = AppriseAsset(
        app_id="Baotu",
        app_desc="Baotu",
        app_url="",
        # No pictures from elsewhere, nothing kept on disk, and no templates looked for in our text.
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        allow_templates=False,
    )
    found: dict[str, Channel] = {}
    with _libraries_quiet():
        # Apprise's own splitting: a comma inside a URL (two mail recipients) does not end it.
        for number, url in enumerate(parse_urls(configured) or [configured], start=1):
            key = hashlib.sha256(url.encode()).hexdigest()[:12]
            name = f"channel {number} of BAOTU_ALERT_URLS"
            wishes = {match["name"]: unquote_plus(match["value"]) for match in _OURS.finditer(url)}
            problem = _problem(wishes)
            try:
                service = None if problem else Apprise.instantiate(_OURS.sub("", url).rstrip("?&"), asset=asset)
            except Exception:
                service = None
            if service is None:
                # Dropped silently, alerts would seem to reach someone.
                problem = problem or "not an Apprise URL, see `apprise --details`"
                found.setdefault(key, Channel(key, f"{name} ({problem})"))
                continue
            _read_answers(service)
            found.setdefault(
                key,
                Channel(
                    key,
                    f"{name} ({_address(service)})",
                    room=min(MAX_BYTES, service.body_maxlen or MAX_BYTES),
                    language=wishes.get("language", "both"),  # type: ignore[arg-type]
                    severity=wishes.get("severity", "info"),  # type: ignore[arg-type]
                    owners=tuple(filter(None, wishes.get("owner", "").split(","))),
                    service=service,
                ),
            )
    return list(found.values())


def _problem(wishes: Mapping[str, str]) -> str | None:
    allowed = {"language": get_args(Language), "severity": get_args(Severity), "owner": None}
    for name, value in wishes.items():
        if name not in allowed:
            return f"baotu_{name} is not one of {', '.join(f'baotu_{known}' for known in allowed)}"
        among = allowed[name]
        if among is not None and value not in among:
            return f"baotu_{name} is not one of {', '.join(among)}"
    return None


def send(messages: Sequence[tuple[Channel, Message]], patience: float) -> dict[str, str | None]:
    """Send to all at once. Key of each channel → None where it took the message, else why it did not.

    A channel that has not answered within `patience` seconds is down.
    """
    outcome: dict[str, str | None] = {channel.key: f"no answer within {patience:g} s" for channel, _ in messages}
    # Threads of our own and daemons: a channel that hangs holds up neither the others nor the process's end.
    threads = [
        threading.Thread(target=_send, args=(channel, message, outcome), daemon=True, name="baotu-alert")
        for channel, message in messages
    ]
    with _libraries_quiet(threads):
        deadline = time.monotonic() + patience
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    # A copy: a thread that comes too late must not change what is written down now.
    return dict(outcome)


def _send(channel: Channel, message: Message, outcome: dict[str, str | None]) -> None:
    if channel.service is None:
        outcome[channel.key] = "it cannot be used"
        return
    _answer.refusal = None
    try:
        took = channel.service.notify(
            title=message.title,
            body=message.body,
            notify_type="failure" if message.is_critical else "warning",
            body_format="text",
        )
    except Exception as error:
        # Its text may quote the URL with its token; its type does not.
        outcome[channel.key] = type(error).__name__
    else:
        outcome[channel.key] = None if took else _answer.refusal or "unreachable, or refused it"


#: Of this thread: what the robot said in the body of its answer.
_answer = threading.local()


class _Answers:
    """Stands for `requests` in a robot's plugin: an answer 200 that says "refused" becomes the failure that it is."""

    def __getattr__(self, name: str) -> Any:
        import requests

        return getattr(requests, name)

    def post(self, *arguments: Any, **named: Any) -> Any:
        import requests

        if (params := named.get("params")) and "sign" in params:
            # Apprise 2.2 quotes DingTalk's signature, and requests quotes it again: "sign not match".
            named["params"] = params | {"sign": unquote(params["sign"])}
        answer = requests.post(*arguments, **named)
        if answer.status_code == requests.codes.ok:
            try:
                body = answer.json()
                code = body.get("errcode", body.get("code", body.get("StatusCode")))
            except (ValueError, AttributeError):
                code = "no code"
            if code != 0:
                # Codes are numbers of the robot's documentation; its message may quote what was sent.
                _answer.refusal = f"the robot refused it: {str(code)[:20]}"
                answer.status_code = 502
        return answer


def _read_answers(service: Any) -> None:
    module = sys.modules[type(service).__module__]
    if module.__name__.rsplit(".", 1)[-1] in _ROBOTS:
        module.requests = _Answers()  # type: ignore[attr-defined]


@contextmanager
def _libraries_quiet(threads: Sequence[threading.Thread] = ()) -> Iterator[None]:
    # At DEBUG these log whole URLs, and in a robot's URL the path or query is the secret.
    noisy = [logging.getLogger(name) for name in ("apprise", "requests", "urllib3", "urllib3.connectionpool")]
    before = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        # One that still runs may still log: then it stays quiet in this process.
        if not any(thread.is_alive() for thread in threads):
            for logger, level in zip(noisy, before, strict=True):
                logger.setLevel(level)


def _address(service: Any) -> str:
    """Scheme, and the host where there is one: for a robot, what looks like the host is its token."""
    scheme = service.secure_protocol if service.secure or not service.protocol else service.protocol
    scheme = scheme if isinstance(scheme, str) else next(iter(scheme or ("?",)))
    templates = service.templates or ()
    if not templates or not all("{host}" in template for template in templates):
        return str(scheme)
    return f"{scheme}://{service.host}" + (f":{service.port}" if service.port else "")
