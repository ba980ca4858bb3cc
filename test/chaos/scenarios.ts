// Every chaos scenario, in the order in which they run.
import { acknowledgements } from './acknowledgements.ts'
import { damage } from './damage.ts'
import { floods } from './floods.ts'
import { followers } from './followers.ts'
import { freezes } from './freezes.ts'
import { fullDisk } from './full-disk.ts'
import { kills, restarts } from './kills.ts'
import { mixedLoad } from './mixed-load.ts'
import { slowReaders } from './slow-readers.ts'
import type { Scenario } from './trial.ts'

export const scenarios: readonly Scenario[] = [
  kills,
  restarts,
  acknowledgements,
  freezes,
  fullDisk,
  damage,
  followers,
  slowReaders,
  floods,
  mixedLoad,
]
