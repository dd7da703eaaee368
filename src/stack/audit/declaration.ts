import type { Declared } from "../stack.ts";
import type { AuditRow } from "./check.ts";

/**
 * The answer for something that was looked for in the sandbox's declaration and is not in what could be read of it. Where a part
 * of it could not be read, that is no absence.
 */
export function notFound(declared: Declared, about: "a mount" | "a flag"): Pick<AuditRow, "verdict" | "detail"> {
  const unread = declared.unrepeatable.find(
    (row) => row.unread === "anything" || (row.unread === "a mount" && about === "a mount"),
  );
  if (unread !== undefined) return { verdict: "not-measured", detail: `${unread.what}: ${unread.why}` };
  const detail = declared.kind === "none" ? "no sandbox is declared" : `not asked for by ${declared.declaredAt}`;
  return { verdict: "absent", detail };
}
