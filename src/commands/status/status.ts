// The command `status`: shows whether a server is running, where, and what it is doing. Not for why something does not work (see
// commands/doctor/doctor.ts).

import { ownCommand } from '../../platform/installation.ts'
import type { HealthReply } from '../../surfaces/native/server-schemas.ts'
import { CommandError, type ExitCode, note, print, printJson, runCommand, settingsFor, UsageError } from '../command.ts'
import { runningServer, ServerClient, type ServerFlags, ServerRefusal } from '../server-client.ts'
import { unlistedServer } from '../stop/target.ts'
import { withHeading } from '../table.ts'
import { type Status, statusAsJson, statusAsLines } from './lines.ts'

export function showStatus(flags: ServerFlags): Promise<ExitCode> {
  return runCommand('status', async () => {
    const client = await ServerClient.find(flags).catch((error: unknown) => {
      if (error instanceof CommandError) return error
      throw error
    })
    if (client instanceof CommandError) return reportNoServer(client, flags)
    const status = await look(client, flags)
    if (flags.json === true) printJson(statusAsJson(status))
    else print(withHeading(statusAsLines(status)))
    if (status.problem !== null) note(status.problem)
    return status.answers ? 0 : 1
  })
}

/** Exits with 1, because scripts use this command to check whether a server is running. */
async function reportNoServer(error: CommandError, flags: ServerFlags): Promise<1> {
  const { dataDir } = settingsFor(flags)
  const other = await unlistedServer(dataDir)
  const problem = other === null ? error.message : `the server of ${dataDir} (pid ${other.pid}) is starting or stopping`
  if (flags.json === true) printJson({ running: false, data_dir: dataDir, problem })
  note(problem)
  return 1
}

async function look(client: ServerClient, flags: ServerFlags): Promise<Status> {
  // If an address is set, the data folder does not have to be readable.
  const known = await runningServer(flags).catch(() => null)
  const own = known?.url === client.url ? { ...known, dataDir: settingsFor(flags).dataDir } : null
  return { url: client.url, own, nowMs: Date.now(), ...(await askHealth(client, own?.pid ?? null)) }
}

/** A server answers this at once; one that does not is stuck. */
const timeoutMs = 10_000

async function askHealth(
  client: ServerClient,
  pid: number | null,
): Promise<Pick<Status, 'answers' | 'health' | 'problem'>> {
  const isHealth = (body: Partial<HealthReply>) => body.status === 'ok' && typeof body.version === 'string'
  try {
    const health = await client.json<HealthReply>('/v1/health', isHealth, AbortSignal.timeout(timeoutMs))
    return { answers: true, health, problem: null }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    const isRefusal = error instanceof ServerRefusal && [401, 403, 429, 503].includes(error.status)
    if (isRefusal) return { answers: true, health: null, problem: error.message }
    const isSilent = error.name === 'TimeoutError'
    if (!isSilent && (pid === null || !(error instanceof CommandError))) throw error
    const reason = isSilent ? `${client.url} did not answer within ${timeoutMs / 1000} s` : error.message
    const hint = pid === null ? '' : `; stop it with ${ownCommand('stop --now')} (process ${pid})`
    return { answers: false, health: null, problem: `${reason}${hint}` }
  }
}
