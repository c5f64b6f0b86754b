"""What goes wrong when people sign in and work in teams."""

from foundation.errors import Conflict, Forbidden, InvalidInput, ReplikError, Unauthorized


class WrongCredentials(Unauthorized):
    """The e-mail address or the password is wrong."""

    code = "wrong_credentials"


class EmailUnverified(Forbidden):
    """The e-mail address is not confirmed yet: open the link that was mailed."""

    code = "email_unverified"


class SecondFactorNeeded(Unauthorized):
    """The second factor is still to be shown."""

    code = "second_factor_needed"


class WrongCode(Unauthorized):
    """The code is wrong or was used before."""

    code = "wrong_code"


class TooManyAttempts(ReplikError):
    """Too many attempts; wait before the next one."""

    code = "too_many_attempts"
    status = 429


class WeakPassword(InvalidInput):
    """This password is too easy to guess."""

    code = "weak_password"


class LinkExpired(ReplikError):
    """This link was used before or has expired; ask for a new one."""

    code = "link_expired"
    status = 410


class MailUnavailable(ReplikError):
    """No mail can be sent: whoever runs Replik must set SMTP_HOST and SMTP_FROM."""

    code = "mail_unavailable"
    status = 503


class SignUpClosed(Forbidden):
    """Accounts are made by invitation here."""

    code = "sign_up_closed"


class CsrfRefused(Forbidden):
    """The request does not come from this session's own page."""

    code = "csrf_refused"


class MoreThanOwn(Forbidden):
    """Nobody can give or take rights that they do not have themselves."""

    code = "more_than_own"


class LastOwner(Conflict):
    """A team keeps at least one owner: make somebody else an owner first."""

    code = "last_owner"


class RoleInUse(Conflict):
    """The role is held by somebody: give them another one first."""

    code = "role_in_use"


class AlreadyMember(Conflict):
    """This person is in the team already."""

    code = "already_member"


class SsoRefused(Forbidden):
    """Sign-in through the provider did not succeed."""

    code = "sso_refused"
