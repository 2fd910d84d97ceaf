"""Why: every storey judges the identifiers of people, organisations, certificates and places by the same rules: one text with a reason, or an Arrow column
at memory speed.

Anyone may call it. `parse_*` raise `schemas.errors.Invalid` with the reason and never repeat the identifier itself, which is personal data;
`valid_*` answer for whole arrays (plain, sliced, chunked, dictionary; null stays null); `append_*` make checksum-valid ones.
"""

from schemas.identifiers.certificate import (
    CertificateIdentifier,
    append_certificate_check_digits,
    certificate_check_digit,
    certificate_identifier_findings,
    issue_certificate_identifier,
    next_certificate_version,
    parse_certificate_identifier,
    valid_certificate_identifiers,
)
from schemas.identifiers.citizen_id import (
    PROVINCES,
    CitizenId,
    append_citizen_check_digits,
    citizen_id_birth_dates,
    citizen_id_check_digit,
    citizen_id_from_15,
    citizen_id_sex,
    parse_citizen_id,
    upgrade_citizen_ids,
    valid_citizen_ids,
)
from schemas.identifiers.holder import parse_holder_code, valid_holder_codes
from schemas.identifiers.organisation import (
    Uscc,
    append_organisation_check_digits,
    append_uscc_check_digits,
    organisation_code_check_digit,
    parse_organisation_code,
    parse_uscc,
    uscc_check_digit,
    valid_organisation_codes,
    valid_uscc,
)
from schemas.identifiers.place import PlaceCode, parse_place_code, valid_place_codes

__all__ = [
    "PROVINCES",
    "CertificateIdentifier",
    "CitizenId",
    "PlaceCode",
    "Uscc",
    "append_certificate_check_digits",
    "append_citizen_check_digits",
    "append_organisation_check_digits",
    "append_uscc_check_digits",
    "certificate_check_digit",
    "certificate_identifier_findings",
    "citizen_id_birth_dates",
    "citizen_id_check_digit",
    "citizen_id_from_15",
    "citizen_id_sex",
    "issue_certificate_identifier",
    "next_certificate_version",
    "organisation_code_check_digit",
    "parse_certificate_identifier",
    "parse_citizen_id",
    "parse_holder_code",
    "parse_organisation_code",
    "parse_place_code",
    "parse_uscc",
    "upgrade_citizen_ids",
    "uscc_check_digit",
    "valid_certificate_identifiers",
    "valid_citizen_ids",
    "valid_holder_codes",
    "valid_organisation_codes",
    "valid_place_codes",
    "valid_uscc",
]
