// The command `status`: whether a server runs, where, and what it is doing. Not for why something does not work (see commands/doctor/doctor.ts).
import { styleText } from 'node:util'
import type { HealthReply } from '../../surfaces/native/schemas.ts'
import { answer, CommandError, type ExitCode, note, print, printJson, settingsFor, UsageError } from '../command.ts'
import { getJson } from '../server-answers.ts'
import { runningServer, ServerClient, type ServerFlags, ServerRefusal } from '../server-client.ts'
import { unlistedServer } from '../stop/target.ts'
import { type Status, statusAsJson, statusAsLines } from './lines.ts'

export function showStatus(flags: ServerFlags): Promise<ExitCode> {
  return answer('status', async () => {
    const client = await ServerClient.find(flags).catch((fault: unknown) => {
      if (fault instanceof CommandError) return fault
      throw fault
    })
    if (client instanceof CommandError) return tellNone(client, flags)
    const status = await look(client, flags)
    if (flags.json === true) printJson(statusAsJson(status))
    else {
      const [first = '', ...rest] = statusAsLines(status)
      print([styleText('bold', first), ...rest].join('\n'))
    }
    if (status.problem !== null) note(status.problem)
    return status.answers ? 0 : 1
  })
}

/** Exit 1, as scripts ask with this command whether a server runs. */
async function tellNone(fault: CommandError, flags: ServerFlags): Promise<1> {
  const { dataDir } = settingsFor(flags)
  const other = await unlistedServer(dataDir)
  const problem = other === null ? fault.message : `the server of ${dataDir} (pid ${other.pid}) is starting or stopping`
  if (flags.json === true) printJson({ running: false, data_dir: dataDir, problem })
  note(problem)
  return 1
}

async function look(client: ServerClient, flags: ServerFlags): Promise<Status> {
  // Where an address is given, the data folder need not be one that can be read.
  const known = await runningServer(flags).catch(() => null)
  const own = known?.url === client.url ? { ...known, dataDir: settingsFor(flags).dataDir } : null
  return { url: client.url, own, nowMs: Date.now(), ...(await askHealth(client, own?.pid ?? null)) }
}

/** A server answers this at once; one that does not is stuck. */
const patienceMs = 10_000

async function askHealth(
  client: ServerClient,
  pid: number | null,
): Promise<Pick<Status, 'answers' | 'health' | 'problem'>> {
  const isHealth = (body: Partial<HealthReply>) => body.status === 'ok' && typeof body.version === 'string'
  try {
    const health = await getJson<HealthReply>(client, '/v1/health', isHealth, AbortSignal.timeout(patienceMs))
    return { answers: true, health, problem: null }
  } catch (fault) {
    if (fault instanceof UsageError || !(fault instanceof Error)) throw fault
    const isRefusal = fault instanceof ServerRefusal && [401, 403, 429, 503].includes(fault.status)
    if (isRefusal) return { answers: true, health: null, problem: fault.message }
    const isSilent = fault.name === 'TimeoutError'
    if (!isSilent && (pid === null || !(fault instanceof CommandError))) throw fault
    const why = isSilent ? `what is at ${client.url} does not answer within ${patienceMs / 1000} s` : fault.message
    const hint = pid === null ? '' : `; end it with claude-serve stop --now, its process is ${pid}`
    return { answers: false, health: null, problem: `${why}${hint}` }
  }
}
