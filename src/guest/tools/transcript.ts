import { z } from "zod";

/**
 * What the tool-plane program says it saw. Every word of it is the guest's: it is held against nonces that the guest was
 * never told and against what the host sees of files and processes.
 */
const Answer = z.strictObject({
  /** Of the tool, as the agent handed it to the model. */
  text: z.string().max(8_000),
  /** The agent itself calls it a failure. */
  isError: z.boolean(),
});
export type Answer = z.infer<typeof Answer>;

export const AttemptResult = z.strictObject({
  isDone: z.boolean(),
  /** What was read, or the errno. */
  text: z.string().max(2_000),
});
export type AttemptResult = z.infer<typeof AttemptResult>;

export const AttemptResults = z.array(AttemptResult).max(200);

const OfferedTool = z.strictObject({
  name: z.string().max(300),
  /** Names of its parameters; empty for one that takes free text. */
  parameters: z.array(z.string().max(100)).max(60),
  /** Those that a call must give. */
  required: z.array(z.string().max(100)).max(60),
});
export type OfferedTool = z.infer<typeof OfferedTool>;

const Conversation = z.strictObject({
  /** Of the agent's last request that offered any. */
  tools: z.array(OfferedTool).max(400),
  /** In the order of the calls; shorter when the agent ended before. */
  answers: z.array(Answer).max(400),
  /** Requests of the agent that the scripted model took for a turn of the conversation. */
  turns: z.int().nonnegative(),
});
export type Conversation = z.infer<typeof Conversation>;

export const Transcript = Conversation.extend({
  /** In the order of the scripts; one without turns never began. */
  subs: z.array(Conversation).max(20),
  /** What the agent told the model it may use of the vendor's own: a search of the web, for one. */
  vendorTools: z.array(z.string().max(300)).max(50),
  /** Methods and paths of other requests, each once. */
  otherRequests: z.array(z.string().max(200)).max(50),
  end: z.strictObject({
    code: z.int().nullable(),
    signal: z.string().max(20).nullable(),
    isTimedOut: z.boolean(),
    /** The last bytes of what it printed. */
    said: z.string().max(4_000),
  }),
});
export type Transcript = z.infer<typeof Transcript>;
