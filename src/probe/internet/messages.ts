import { z } from "zod";

/** What CONTROL and the sink's process say to each other, over the channel that Node makes for a child. */

/** Something of ours that arrived at the sink. */
export const Arrival = z.strictObject({
  token: z.string().max(40),
  protocol: z.enum(["tcp", "udp", "dns"]),
  /** To which address and port it was sent, as the kernel says; empty for a datagram to no address of a try. */
  host: z.string().max(60),
  port: z.int().nonnegative(),
  /** The name that was asked for, or that the request names as its host. */
  name: z.string().max(255),
});
export type Arrival = z.infer<typeof Arrival>;

export const FromSink = z.discriminatedUnion("type", [
  /** Its namespace is made. */
  z.strictObject({ type: z.literal("up") }),
  /** `authority` in PEM, where it was to sign for names. */
  z.strictObject({ type: z.literal("ready"), authority: z.string().max(4_000).optional() }),
  z.strictObject({ type: z.literal("failed"), message: z.string().max(400) }),
  z.strictObject({
    type: z.literal("arrivals"),
    id: z.int(),
    arrivals: z.array(Arrival).max(2_000),
    /** How many connections were taken, by `host port`, whether or not anything was said in them. */
    connected: z.record(z.string().max(80), z.int()),
    /** Echo requests that the kernel has answered since it began. */
    echoes: z.strictObject({ ipv4: z.int(), ipv6: z.int() }),
    /** Every name that was asked for without a token, and the address it was given, which is its own. */
    names: z.record(z.string().max(255), z.string().max(40)),
    /** More came than is kept. */
    isFull: z.boolean(),
  }),
  z.strictObject({ type: z.literal("dialled"), id: z.int(), answered: z.array(z.int()).max(200) }),
]);
export type FromSink = z.infer<typeof FromSink>;
export type Told = Extract<FromSink, { type: "arrivals" }>;

export const ToSink = z.discriminatedUnion("type", [
  /** Once, when the namespace has its addresses. */
  z.strictObject({
    type: z.literal("listen"),
    tcp: z.array(z.int()),
    udp: z.array(z.strictObject({ host: z.string(), port: z.int() })),
    metadata: z.array(z.string()),
    /** Speak TLS as well, under an authority made for it. */
    isSigning: z.boolean(),
  }),
  z.strictObject({ type: z.literal("tell"), id: z.int() }),
  /** Connect to these ports of the target, from where a neighbour stands. */
  z.strictObject({
    type: z.literal("dial"),
    id: z.int(),
    host: z.string(),
    from: z.string(),
    ports: z.array(z.int()),
  }),
]);
export type ToSink = z.infer<typeof ToSink>;
