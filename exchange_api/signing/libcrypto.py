"""Why: the one place that speaks to the system's libcrypto (OpenSSL 3) by ctypes, because only there SM2 is done well. Called by `sm2` only.

Handles are freed with their Python objects; every call has a context of its own, so threads may share a key. ctypes lets go of the GIL in the call.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

LIBRARIES = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.3.dylib")
_P, _I, _L, _S = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_BYTES = ctypes.POINTER(ctypes.c_char_p)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ERR_clear_error": (None, ()),
    "EVP_PKEY_free": (None, (_P,)),
    "EVP_PKEY_is_a": (_I, (_P, _S)),
    "EVP_PKEY2PKCS8": (_P, (_P,)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (_P,)),
    "EVP_PKEY_CTX_new_from_name": (_P, (_P, _S, _S)),
    "EVP_PKEY_CTX_free": (None, (_P,)),
    "EVP_PKEY_keygen_init": (_I, (_P,)),
    "EVP_PKEY_generate": (_I, (_P, ctypes.POINTER(_P))),
    "EVP_PKEY_CTX_set1_id": (_I, (_P, _S, _I)),
    "EVP_MD_CTX_new": (_P, ()),
    "EVP_MD_CTX_free": (None, (_P,)),
    "EVP_DigestSignInit_ex": (_I, (_P, ctypes.POINTER(_P), _S, _P, _S, _P, _P)),
    "EVP_DigestVerifyInit_ex": (_I, (_P, ctypes.POINTER(_P), _S, _P, _S, _P, _P)),
    "EVP_DigestSign": (_I, (_P, _S, ctypes.POINTER(_L), _S, _L)),
    "EVP_DigestVerify": (_I, (_P, _S, _L, _S, _L)),
    "d2i_PUBKEY": (_P, (_P, _BYTES, ctypes.c_long)),
    "d2i_AutoPrivateKey": (_P, (_P, _BYTES, ctypes.c_long)),
    "i2d_PUBKEY": (_I, (_P, ctypes.POINTER(_P))),
    "i2d_PKCS8_PRIV_KEY_INFO": (_I, (_P, ctypes.POINTER(_P))),
}


class Key:
    """A key inside the library."""

    def __init__(self, pointer: int | None) -> None:
        library = load()
        library.ERR_clear_error()
        if not pointer or not library.EVP_PKEY_is_a(pointer, b"SM2"):
            if pointer:
                library.EVP_PKEY_free(pointer)
            raise ValueError("not a key of curve SM2")
        self.pointer, self._free = pointer, library.EVP_PKEY_free

    def __del__(self) -> None:
        """Give the key back to the library."""
        if hasattr(self, "pointer"):
            self._free(self.pointer)

    def public_der(self) -> bytes:
        """Return SubjectPublicKeyInfo."""
        return _written(load().i2d_PUBKEY, self.pointer)

    def private_der(self) -> bytes:
        """Return PKCS#8 without encryption."""
        library = load()
        info = library.EVP_PKEY2PKCS8(self.pointer)
        try:
            return _written(library.i2d_PKCS8_PRIV_KEY_INFO, info)
        finally:
            library.PKCS8_PRIV_KEY_INFO_free(info)

    def sign(self, identity: bytes, data: bytes) -> bytes:
        """Return the DER signature with SM3 over ZA(identity) ‖ data."""
        library = load()
        with _context(library.EVP_DigestSignInit_ex, self.pointer, identity) as context:
            size = ctypes.c_size_t(256)
            signature = ctypes.create_string_buffer(256)
            _good(library.EVP_DigestSign(context, signature, ctypes.byref(size), data, len(data)), "EVP_DigestSign")
            return signature.raw[: size.value]

    def verify(self, identity: bytes, signature: bytes, data: bytes) -> bool:
        """Say whether a DER signature with SM3 over ZA(identity) ‖ data is this key's."""
        library = load()
        with _context(library.EVP_DigestVerifyInit_ex, self.pointer, identity) as context:
            is_good = bool(library.EVP_DigestVerify(context, signature, len(signature), data, len(data)) == 1)
            library.ERR_clear_error()
            return is_good


@cache
def load() -> ctypes.CDLL:
    """Load the library with typed functions. OSError when there is none, AttributeError when it is too old."""
    for name in LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        for function, (result, arguments) in _FUNCTIONS.items():
            found = getattr(library, function)
            found.restype, found.argtypes = result, arguments
        return library
    raise OSError("no libcrypto of OpenSSL 3 is installed")


def generate() -> Key:
    """Make a fresh SM2 key; ValueError when the library was built without SM2."""
    library, made = load(), ctypes.c_void_p()
    context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    if not context:
        library.ERR_clear_error()
        raise ValueError("the library was built without SM2")
    try:
        _good(library.EVP_PKEY_keygen_init(context), "EVP_PKEY_keygen_init")
        _good(library.EVP_PKEY_generate(context, ctypes.byref(made)), "EVP_PKEY_generate")
    finally:
        library.EVP_PKEY_CTX_free(context)
    return Key(made.value)


def read_public(der: bytes) -> Key:
    """Read SubjectPublicKeyInfo; ValueError when it is no point of the SM2 curve."""
    return Key(_read(load().d2i_PUBKEY, der))


def read_private(der: bytes) -> Key:
    """Read PKCS#8; ValueError when it is no SM2 key."""
    return Key(_read(load().d2i_AutoPrivateKey, der))


def _read(function: Callable[..., int | None], der: bytes) -> int | None:
    return function(None, ctypes.byref(ctypes.c_char_p(der)), len(der))


def _written(function: Callable[..., int], pointer: int) -> bytes:
    size = function(pointer, None)
    if size <= 0:
        raise ValueError("the key cannot be written")
    out = ctypes.create_string_buffer(size)
    function(pointer, ctypes.byref(ctypes.c_void_p(ctypes.addressof(out))))
    return out.raw


@contextmanager
def _context(start: Callable[..., int], key: int, identity: bytes) -> Iterator[int]:
    library = load()
    context = library.EVP_MD_CTX_new()
    try:
        inner = ctypes.c_void_p()
        _good(start(context, ctypes.byref(inner), b"SM3", None, None, key, None), "EVP_Digest…Init_ex")
        _good(library.EVP_PKEY_CTX_set1_id(inner, identity, len(identity)), "EVP_PKEY_CTX_set1_id")
        yield context
    finally:
        library.EVP_MD_CTX_free(context)


def _good(result: int, function: str) -> None:
    if result != 1:
        load().ERR_clear_error()
        raise ValueError(f"{function} failed")
