import { OperatorError } from "../../base/errors.ts";
import type { StackReader } from "../reader.ts";

/**
 * The table of a JSON file. A sandbox that is declared in a file we cannot read must not be studied as if nothing were
 * declared: throws OperatorError with the file and the line.
 */
export async function contentOf(reader: StackReader, file: string, what: string): Promise<object> {
  const content = await reader.json(file);
  if (typeof content === "object" && content !== null && !Array.isArray(content)) return content;
  throw unusable(reader, file, `holds no ${what}`);
}

/** What the reader knows to be wrong with a file, else `otherwise`. */
export function unusable(reader: StackReader, file: string, otherwise: string): OperatorError {
  const problem = reader.problems.find((p) => p.file === file);
  const line = problem?.line === null || problem === undefined ? "" : `:${problem.line}`;
  return new OperatorError(
    `${file}${line}: ${problem?.message ?? otherwise}`,
    "correct the file, or name another with target.declaredBy",
  );
}
