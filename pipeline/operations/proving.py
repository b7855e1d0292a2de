"""What a source must send along to be believed. In: a connector, its secrets, a body. Out: the URL and the headers.

The other side of `pipeline.ingress.authentication`: with it `leadpipe send` posts as the source would.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from pipeline.ingress.authentication.arrived import Arrived
from pipeline.ingress.authentication.signature import BadSecret, mac_key, written
from pipeline.ingress.authentication.signed import Template
from pipeline.operations.errors import InUse
from pipeline.secrets.references import Secrets, Unresolved
from schemas.auth import Auth
from schemas.connector import Connector
from schemas.scheme import Signature

Prove = Callable[[str, bytes, str], tuple[str, dict[str, str]]]  # of a URL, a body, and an id of the message


def nothing(url: str, body: bytes, id: str) -> tuple[str, dict[str, str]]:
    """Where the URL is enough."""
    return url, {}


def prover(connector: Connector, secrets: Secrets) -> Prove:
    """What makes requests to this connector believed. Raises InUse where no secret of it is to be found from here."""
    auth = connector.auth
    if auth is None or auth.mode == "off" or not auth.secrets:
        return nothing
    problems = []
    for reference in auth.secrets:
        try:
            return _of_scheme(auth, secrets.value(reference, connector.account))
        except Unresolved as error:
            problems.append(str(error))
        except BadSecret as error:
            problems.append(f"{reference}: {error}")
    told = "; ".join(problems)
    raise InUse(f"connector {connector.name} asks who posts, and this command cannot prove it: {told}")


def _of_scheme(auth: Auth, secret: bytes) -> Prove:
    if auth.scheme.family == "header":
        sent = {str(auth.header): auth.prefix + secret.decode("utf-8", "surrogateescape")}
        return lambda url, body, id: (url, sent)
    if auth.scheme.family == "basic":
        credentials = base64.b64encode(f"{auth.user}:".encode() + secret).decode()
        return lambda url, body, id: (url, {"Authorization": f"Basic {credentials}"})
    signature = next((each for each in auth.scheme.signature if "form" not in each.parts), auth.scheme.signature[0])
    if signature.public_prefix and secret.startswith(signature.public_prefix.encode()):
        raise BadSecret("its secret is a public key, which cannot sign")
    key = mac_key(secret, signature)
    return lambda url, body, id: _signed(signature, key, url, body, id)


def _signed(signature: Signature, key: bytes, url: str, body: bytes, id: str) -> tuple[str, dict[str, str]]:
    now = str(int(time.time()))
    if signature.body_hash is not None:
        mark = "&" if "?" in url else "?"
        url = f"{url}{mark}{signature.body_hash}={hashlib.sha256(body).hexdigest()}"
    headers: dict[str, str] = {}
    if signature.id_header is not None:
        headers[signature.id_header] = id
    if signature.timestamp_header is not None:
        headers[signature.timestamp_header] = now
    [text] = Template(signature.signed, ("",)).texts(_arrived(headers, url, body, signature), now.encode(), id)
    mac = written(hmac.digest(key, text, signature.algorithm), signature).decode()
    if signature.signature_part is None:
        headers[signature.header] = signature.prefix + mac
    else:
        parts = [(signature.timestamp_part, now), (signature.signature_part, mac)]
        headers[signature.header] = ",".join(f"{name}={value}" for name, value in parts if name)
    return url, headers


def _arrived(headers: Mapping[str, str], url: str, body: bytes, signature: Signature) -> Arrived:
    """The request as the other side will see it; the URL whole, as that is what is signed of it."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if "form" in signature.parts else {}
    target = url if "url" in signature.parts else urlsplit(url).path
    return Arrived(CIMultiDictProxy(CIMultiDict({**headers, **kind})), body, target, {}, None)
