import { verb as approve } from "./approve.ts";
import { verb as clone } from "./clone.ts";
import { verb as diff } from "./diff.ts";
import { verb as doctor } from "./doctor.ts";
import { verb as findings } from "./findings.ts";
import { verb as init } from "./init.ts";
import { verb as kill } from "./kill.ts";
import { verb as log } from "./log.ts";
import { verb as probe } from "./probe.ts";
import { verb as rearm } from "./rearm.ts";
import { verb as recognise } from "./recognise.ts";
import { verb as reject } from "./reject.ts";
import { verb as report } from "./report.ts";
import { verb as run } from "./run.ts";
import { verb as schedule } from "./schedule.ts";
import { verb as show } from "./show.ts";
import { verb as status } from "./status.ts";
import { verb as sweep } from "./sweep.ts";
import type { Verb } from "./verb.ts";

/** Every verb, in the order in which `weakdoor help` lists them. */
export const verbs: readonly Verb[] = [
  init,
  doctor,
  run,
  schedule,
  status,
  probe,
  diff,
  clone,
  recognise,
  findings,
  show,
  approve,
  reject,
  kill,
  rearm,
  sweep,
  report,
  log,
];
