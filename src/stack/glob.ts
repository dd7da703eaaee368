/** A list of globs, asked whether a path is in it and whether a directory may hold one that is. */
export type Globs = { matches(path: string): boolean; mayHold(directory: string): boolean };

/** `*` within one name, `**` for any number of directories, `{a,b}` for either. Names are compared as they are. */
export function globs(list: readonly string[]): Globs {
  const patterns = list.flatMap(unfolded).map((glob) => glob.split("/").map(step));
  const test = (steps: readonly string[], pattern: readonly Step[], isPrefix: boolean): boolean => {
    const [head, ...rest] = pattern;
    if (steps.length === 0) return isPrefix || pattern.every((item) => item === "**");
    if (head === undefined) return false;
    if (head === "**") return isPrefix || test(steps, rest, isPrefix) || test(steps.slice(1), pattern, isPrefix);
    return head.test(steps[0] ?? "") && test(steps.slice(1), rest, isPrefix);
  };
  return {
    matches: (path) => patterns.some((pattern) => test(path.split("/"), pattern, false)),
    mayHold: (directory) =>
      patterns.some((pattern) => pattern.length > 0 && test(directory.split("/"), pattern, true)),
  };
}

type Step = RegExp | "**";

function step(text: string): Step {
  if (text === "**") return "**";
  const pattern = text
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${pattern}$`);
}

/** `a{b,c}d` as `abd` and `acd`. */
function unfolded(glob: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(glob);
  if (braces === null) return [glob];
  const [whole, choices = ""] = braces;
  return choices.split(",").flatMap((choice) => unfolded(glob.replace(whole, choice)));
}
