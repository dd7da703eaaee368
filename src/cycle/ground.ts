import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import type { Alarm } from "../egress/egress.ts";
import type { ModelRelay } from "../egress/messages.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { IntendedFile } from "../probe/intended.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import type { Image } from "../sandbox/image.ts";
import type { Driver, DriverKind } from "../sandbox/sandbox.ts";
import type { Watchdog } from "../stop/startWatchdog.ts";
import type { Store } from "../store/store.ts";
import type { SpendLeaf } from "./spend.ts";
import type { Stepper } from "./step.ts";

/** What a cycle stands on: made once, before the first step, and only read after that. */
export type Ground = {
  readonly config: Config;
  /** As it stood when the run began. */
  readonly intended: IntendedFile;
  readonly cycle: string;
  /** Of weakdoor itself. */
  readonly version: string;
  readonly startedAt: Date;
  /** Absolute. */
  readonly stateDir: string;
  readonly reportsDir: string;
  /** `<state>/run/<cycle>`: everything of this cycle that is destroyed at its end. */
  readonly runDir: string;
  readonly clock: Clock;
  /** Aborts when the kill switch speaks, the watchdog or the gateway dies, or a signal comes. */
  readonly signal: AbortSignal;
  /** Ends the cycle as failed, with this error: something that it cannot do without is gone. */
  readonly breakOff: (error: Error) => void;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly watchdog: Watchdog;
  readonly drivers: readonly Driver[];
  /** Backends that are not used because they did not answer, and why. */
  readonly missing: readonly { kind: DriverKind; reason: string }[];
  readonly image: Image;
  /** The model and its key, for the gateway alone; undefined when the research is scripted. */
  readonly model: ModelRelay | undefined;
  /** A secret of the environment by its name, for the gateway alone. */
  readonly secretOf: (name: string) => string | undefined;
  readonly stepper: Stepper;
  readonly spend: SpendLeaf;
  /** Every certificate of this cycle, in the order of the ends. */
  readonly certificates: readonly Certificate[];
  readonly onCertificate: (certificate: Certificate) => void;
  /** Writes the alarm down, durably, before it returns. */
  readonly onAlarm: (alarm: Alarm) => void;
};
