"""Why: the room of accounts: `passwords` and `second_factor` what an officer knows and has, `sign_ins` who sits there, `oidc` the bureau's own sign-in,
`administration` who may change whom (三员分立), `delegations` who stands in for whom, `trail` what everybody did. `officers` beside it is the desk.
"""
