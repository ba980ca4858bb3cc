// What must hold before the server starts. Each check throws a StartupError that says what to do.
import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { configFolder, type Environment } from './claude/sessions/config-folder.ts'
import type { Config } from './config/options.ts'
import type { Store } from './core/store.ts'
import { StartupError } from './errors.ts'
import { isWithin, realPathSoFar } from './platform/allowed-folders.ts'
import { installation } from './platform/installation.ts'
import { isLoopbackHost } from './platform/loopback.ts'

/** Whoever can change the files of the server or the CLI can do everything, so agents must not work there. */
export async function refuseOwnFolders({ cwdRoots, dataDir }: Config, environment: Environment): Promise<void> {
  for (const folder of [dataDir, configFolder(environment)]) {
    const own = await realPathSoFar(folder)
    const root = cwdRoots?.find((each) => isWithin(own, each) || isWithin(each, own))
    if (root === undefined) continue
    throw new StartupError(
      `--cwd-root ${root} would let agents into ${own}, which belongs to the server or the CLI: choose another folder.`,
    )
  }
}

/** Plain models work in a folder there, and the CLI keeps files of its own in it. */
export function refuseUnusableTemp(folder = tmpdir()): void {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    const reason = (error as Error).message
    throw new StartupError(`The folder for temporary files cannot be used (${reason}): set TMPDIR to one that can.`)
  }
}

/**
 * Beyond loopback every request needs a key and a host name that the operator allows. In a container every address is beyond loopback, and
 * usually only loopback of its host leads there: the loopback names, which are always allowed, are enough.
 */
export async function refuseOpenDoor(
  { host, allowHosts }: Config,
  store: Store,
  isContainer = installation().kind === 'container',
): Promise<void> {
  if (isLoopbackHost(host)) return
  const reason = !(await store.hasKeys())
    ? `needs at least one API key: create one with ${installation().callWithoutServer} keys create <name>`
    : allowHosts.length === 0 && !isContainer
      ? 'needs the host names that clients may use: set --allow-host'
      : null
  if (reason === null) return
  await store.close()
  throw new StartupError(
    `--host ${host} is reachable from other machines and ${reason}, or use 127.0.0.1, ::1 or localhost.`,
  )
}
