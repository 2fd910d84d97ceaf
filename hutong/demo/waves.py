"""Why: an entry can only refer to somebody the libraries know, so registers are collected after profiles.

Called by hutong/demo/story.py and tests.
"""

WAVES: tuple[tuple[str, ...], ...] = (
    (
        "public_security.resident",
        "civil_affairs.marriage",
        "education.graduate",
        "human_resources.insured",
        "market_regulation.enterprise",
        "organisation_office.institution",
    ),
    ("credit_office.decision", "certificate_bureau.certificate"),
)
