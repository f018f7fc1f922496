"""Row-level security of a principal's transactions."""

from datetime import datetime

from app.access.domain import Principal, PrincipalKind, Role
from app.core.db.database import RowSecurity
from app.core.db.roles import ADMINISTRATOR_ROLE, AUDITOR_ROLE, GRANTEE_ROLE, LESSOR_ROLE


def row_security_of(principal: Principal, at: datetime, case_id: int | None = None) -> RowSecurity:
    """Return the database role and parameters for a principal.

    Grants must be valid at the aware moment ``at``; ``case_id`` is the purpose of reading positions.
    """
    whose = principal.subject_id or 0
    match principal.kind:
        case PrincipalKind.LESSOR:
            return RowSecurity(LESSOR_ROLE, lessor_ids=(whose,), at=at)
        case PrincipalKind.ADMINISTRATOR:
            return RowSecurity(ADMINISTRATOR_ROLE, at=at)
        case PrincipalKind.AUDITOR:
            return RowSecurity(AUDITOR_ROLE, grantee_kind="auditor", at=at)
        case PrincipalKind.COURT if principal.role is Role.COURT_ADMINISTRATOR:
            return RowSecurity(AUDITOR_ROLE, grantee_kind="court", grantee_id=whose, at=at)
        case PrincipalKind.COURT:
            return RowSecurity(
                GRANTEE_ROLE,
                grantee_kind="court",
                grantee_id=whose,
                lower_courts=principal.lower_courts,
                case_id=case_id,
                at=at,
            )
        case _:
            return RowSecurity(
                GRANTEE_ROLE, grantee_kind="principal", grantee_id=principal.principal_id, case_id=case_id, at=at
            )
