import { z } from "zod";
import { SourceDocument } from "../../sources/source.ts";
import { Removed } from "./invisible.ts";

/** What came of reading one file. It crosses from the reading process to the gateway, which checks its shape. */
export const Read = z.discriminatedUnion("status", [
  z.strictObject({
    status: z.literal("read"),
    documents: z.array(SourceDocument).max(20_000),
    removed: Removed,
  }),
  z.strictObject({ status: z.literal("unreadable"), reason: z.string().max(300) }),
]);
export type Read = z.infer<typeof Read>;
