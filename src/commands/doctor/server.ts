// The server of the data folder, if one runs, and the port that the next one would take. Nothing is sent but two questions on loopback.
import { lookup } from 'node:dns/promises'
import { createRequire } from 'node:module'
import { createServer, isIP } from 'node:net'
import { identityOf } from '../../claude/process/process-registry.ts'
import { processInfo } from '../../claude/process/process-tree.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import { readServerAddress, type ServerAddress } from '../../platform/server-address.ts'
import { codeOf, type DoctorContext, type Finding, ok, problem, reasonOf, warning } from './finding.ts'

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string }

const patienceMs = 5_000

/** Null where none runs. */
async function running({ config: { dataDir } }: DoctorContext): Promise<ServerAddress | null> {
  const address = readServerAddress(dataDir)
  const info = address === null ? null : await processInfo(address.pid)
  return info !== null && address?.process === identityOf(info) ? address : null
}

export async function examineServer(patient: DoctorContext): Promise<Finding[]> {
  const check = 'server'
  const address = await running(patient)
  if (address === null) return [ok(check, 'none runs in this data folder')]
  const name = `claude-serve ${address.version} at ${address.url} (process ${address.pid})`
  const restart = 'claude-serve stop'
  try {
    const { status, body } = await ask(address.url, patient.environment.CLAUDE_SERVE_API_KEY)
    if (status === 401) return [warning(check, `${name} wants an API key`, 'export CLAUDE_SERVE_API_KEY=<key>')]
    if (status !== 200) return [problem(check, `${name} says: ${body.error ?? `status ${status}`}`, null)]
  } catch (fault) {
    return [problem(check, `${name} does not answer: ${reasonOf(fault)}`, restart)]
  }
  if (address.version !== version)
    return [warning(check, `${name} is of another version than this command (${version})`, restart)]
  return [ok(check, `${name} answers`)]
}

async function ask(url: string, key: string | undefined) {
  const response = await fetch(`${url}/v1/health`, {
    headers: key ? { authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(patienceMs),
  })
  const body = (await response.json().catch(() => ({}))) as { error?: string; claude_version?: string; code?: string }
  return { status: response.status, body }
}

export async function examinePort(patient: DoctorContext): Promise<Finding[]> {
  const check = 'port'
  const { host, port } = patient.config
  if (port === 0) return [ok(check, 'the next server takes a free one')]
  const address = await running(patient)
  if (address !== null && new URL(address.url).port === String(port))
    return [ok(check, `${port} is used by the server of this data folder`)]
  // A server on loopback takes both families: where one is left, somebody else may take it.
  const hosts = isLoopbackHost(host) ? ['127.0.0.1', '::1'] : [host]
  const findings = await Promise.all(
    hosts.map(async (each) => examineOne(check, each, port, await tryPort(each, port))),
  )
  const wrong = findings.filter(({ state }) => state !== 'ok')
  return wrong.length > 0 ? wrong : [ok(check, findings.map(({ message }) => message).join(', '))]
}

/** The system's word for why it cannot be listened on; null where it can. */
function tryPort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (fault) => resolve(codeOf(fault) ?? reasonOf(fault)))
    server.listen({ host, port, exclusive: true, ipv6Only: host === '::1' }, () => server.close(() => resolve(null)))
  })
}

const shown = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

async function examineOne(check: string, host: string, port: number, fault: string | null): Promise<Finding> {
  const place = `${shown(host)}:${port}`
  if (fault === null) return ok(check, `${place} is free`)
  const isMissing = fault === 'EADDRNOTAVAIL' || fault === 'EAFNOSUPPORT'
  if (isMissing && host === '::1') return ok(check, 'this machine has no IPv6')
  if (isMissing) return problem(check, `${host} is no address of this machine`, 'give another with --host')
  if (fault === 'EACCES')
    return problem(check, `port ${port} may not be used by this user`, 'give one above 1023 with --port')
  if (fault !== 'EADDRINUSE')
    return problem(check, `${place} cannot be listened on: ${fault}`, 'give another with --port')
  return problem(check, `${place} is taken by ${await whoListens(place)}`, 'stop that, or give another with --port')
}

async function whoListens(place: string): Promise<string> {
  try {
    const { body } = await ask(`http://${place}`, undefined)
    if (body.claude_version !== undefined || body.code === 'unauthorized')
      return 'a claude-serve of another data folder or user'
  } catch {
    // It speaks something else.
  }
  return 'another program'
}

export async function examineLocalhost(): Promise<Finding[]> {
  const check = 'localhost'
  const addresses = (await lookup('localhost', { all: true }).catch(() => [])).map(({ address }) => address)
  const foreign = addresses.filter((address) => !isLoopbackHost(address))
  const fix = 'add the line "127.0.0.1 localhost" to /etc/hosts'
  if (addresses.length === 0) return [warning(check, 'the name is not known: only 127.0.0.1 works', fix)]
  if (foreign.length > 0) return [problem(check, `the name leads to ${foreign.join(', ')}`, fix)]
  return [ok(check, `the name leads to ${addresses.join(' and ')}`)]
}
