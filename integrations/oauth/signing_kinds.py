"""The kinds of keys that sign here."""

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

AnyKey = RSAKey | ECKey | OKPKey | OctKey
