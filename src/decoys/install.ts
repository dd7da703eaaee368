import { readFileSync, statSync } from "node:fs";
import { findNodeAtLocation, parseTree } from "jsonc-parser";
import { OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { sha256Hex } from "../base/hash.ts";

/**
 * Planting an entry in a client's configuration as one recorded insertion: the file is parsed for positions only and
 * never written anew, so comments, spacing, line ends and odd numbers stay as they are, and removal restores the bytes.
 * JSON and JSONC with an `mcpServers` object (Claude Code, Cursor, Gemini CLI).
 */
export type Splice = {
  file: string;
  /** UTF-16 offset of the inserted text. */
  offset: number;
  inserted: string;
  sha256Before: string;
  sha256After: string;
};

export type ServerEntry = { command: string; args: string[]; env?: Record<string, string> };

/** Throws OperatorError when the file has no place for the entry, or has one of that name; the file is then as before. */
export function plantServer(file: string, name: string, entry: ServerEntry): Splice {
  const before = readFileSync(file, "utf8");
  const tree = parseTree(before, [], { allowTrailingComma: true, disallowComments: false });
  const servers = tree === undefined ? undefined : findNodeAtLocation(tree, ["mcpServers"]);
  if (servers?.type !== "object") {
    throw new OperatorError(`${file} has no mcpServers object`, "plant the decoy in a file that lists MCP servers");
  }
  if (findNodeAtLocation(servers, [name]) !== undefined) {
    throw new OperatorError(`${file} lists a server ${name} already`, "choose another name for the decoy");
  }
  const offset = servers.offset + 1;
  const inserted = entryText(before, servers.offset, name, entry, (servers.children?.length ?? 0) > 0);
  const after = before.slice(0, offset) + inserted + before.slice(offset);
  writeDurably(file, after, statSync(file).mode & 0o777);
  return { file, offset, inserted, sha256Before: sha256Hex(before), sha256After: sha256Hex(after) };
}

/** Cuts the inserted bytes out again. The outcome says whether the file is what it was. */
export function removeServer(splice: Splice): { status: "restored" } | { status: "changed-since"; detail: string } {
  const now = readFileSync(splice.file, "utf8");
  const at = now.indexOf(splice.inserted);
  if (at < 0 || now.indexOf(splice.inserted, at + 1) >= 0) {
    return { status: "changed-since", detail: "the planted bytes are not there exactly once" };
  }
  const restored = now.slice(0, at) + now.slice(at + splice.inserted.length);
  writeDurably(splice.file, restored, statSync(splice.file).mode & 0o777);
  if (sha256Hex(restored) === splice.sha256Before) return { status: "restored" };
  return { status: "changed-since", detail: "our bytes are out; others changed the file meanwhile" };
}

/** The entry in the file's own style: its line ends, and the indentation of the line that opens the object. */
function entryText(source: string, openBrace: number, name: string, entry: ServerEntry, hasOthers: boolean): string {
  const value = JSON.stringify(entry);
  const comma = hasOthers ? "," : "";
  const isOneLine = !source.slice(openBrace).includes("\n") || !source.includes("\n");
  if (isOneLine) return `${JSON.stringify(name)}:${value}${comma}`;
  const newline = source.includes("\r\n") ? "\r\n" : "\n";
  const lineStart = source.lastIndexOf("\n", openBrace) + 1;
  const outer = /^[ \t]*/.exec(source.slice(lineStart))?.[0] ?? "";
  const step = outer === "" ? "  " : outer.includes("\t") ? "\t" : "  ";
  const close = hasOthers ? "" : newline + outer;
  return `${newline}${outer}${step}${JSON.stringify(name)}: ${value}${comma}${close}`;
}
