// The server of the data folder, if one runs, and the port that the next one would use. Sends nothing but two requests on loopback.
import { lookup } from 'node:dns/promises'
import { createRequire } from 'node:module'
import { createServer, isIP } from 'node:net'
import { ownCommand } from '../../platform/installation.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import { reasonOf } from '../command.ts'
import { serverOf } from '../server-client.ts'
import { codeOf, type DoctorContext, type Finding, ok, problem, warning } from './finding.ts'

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string }

const timeoutMs = 5_000

export async function examineServer(context: DoctorContext): Promise<Finding[]> {
  const check = 'server'
  const address = await serverOf(context.config.dataDir)
  if (address === null) return [ok(check, 'none is running in this data folder')]
  const name = `claude-serve ${address.version} at ${address.url} (process ${address.pid})`
  const stopCommand = ownCommand('stop')
  try {
    const { status, body } = await ask(address.url, context.environment.CLAUDE_SERVE_API_KEY)
    if (status === 401) return [warning(check, `${name} requires an API key`, 'export CLAUDE_SERVE_API_KEY=<key>')]
    if (status !== 200) return [problem(check, `${name} reports: ${body.error ?? `status ${status}`}`, null)]
  } catch (error) {
    return [problem(check, `${name} does not answer: ${reasonOf(error)}`, stopCommand)]
  }
  if (address.version !== version)
    return [warning(check, `${name} is not the same version as this command (${version})`, stopCommand)]
  return [ok(check, `${name} answers`)]
}

async function ask(url: string, key: string | undefined) {
  const response = await fetch(`${url}/v1/health`, {
    headers: key ? { authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(timeoutMs),
  })
  const body = (await response.json().catch(() => ({}))) as { error?: string; claude_version?: string; code?: string }
  return { status: response.status, body }
}

export async function examinePort(context: DoctorContext): Promise<Finding[]> {
  const check = 'port'
  const { host, port } = context.config
  if (port === 0) return [ok(check, 'the next server picks a free one')]
  const address = await serverOf(context.config.dataDir)
  if (address !== null && new URL(address.url).port === String(port))
    return [ok(check, `${port} is used by the server of this data folder`)]
  // A server on loopback listens on both address families: if one stays free, another program may take it.
  const hosts = isLoopbackHost(host) ? ['127.0.0.1', '::1'] : [host]
  const findings = await Promise.all(
    hosts.map(async (each) => examineOne(check, each, port, await tryPort(each, port))),
  )
  const wrong = findings.filter(({ state }) => state !== 'ok')
  return wrong.length > 0 ? wrong : [ok(check, findings.map(({ message }) => message).join(', '))]
}

/** The system's error code if the server cannot listen there; null if it can. */
function tryPort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error) ?? reasonOf(error)))
    server.listen({ host, port, exclusive: true, ipv6Only: host === '::1' }, () => server.close(() => resolve(null)))
  })
}

const shown = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

async function examineOne(check: string, host: string, port: number, reason: string | null): Promise<Finding> {
  const address = `${shown(host)}:${port}`
  if (reason === null) return ok(check, `${address} is free`)
  const isMissing = reason === 'EADDRNOTAVAIL' || reason === 'EAFNOSUPPORT'
  if (isMissing && host === '::1') return ok(check, 'this machine has no IPv6')
  if (isMissing) return problem(check, `${host} is not an address of this machine`, 'choose another with --host')
  if (reason === 'EACCES')
    return problem(check, `this user is not allowed to use port ${port}`, 'choose one above 1023 with --port')
  if (reason !== 'EADDRINUSE')
    return problem(check, `cannot listen on ${address}: ${reason}`, 'choose another port with --port')
  const fix = 'stop it, or choose another port with --port'
  return problem(check, `${address} is in use by ${await whoListens(address)}`, fix)
}

async function whoListens(address: string): Promise<string> {
  try {
    const { body } = await ask(`http://${address}`, undefined)
    if (body.claude_version !== undefined || body.code === 'unauthorized')
      return 'a claude-serve with another data folder or user'
  } catch {
    // It does not speak HTTP.
  }
  return 'another program'
}

export async function examineLocalhost(): Promise<Finding[]> {
  const check = 'localhost'
  const addresses = (await lookup('localhost', { all: true }).catch(() => [])).map(({ address }) => address)
  const foreign = addresses.filter((address) => !isLoopbackHost(address))
  const fix = 'add the line "127.0.0.1 localhost" to /etc/hosts'
  if (addresses.length === 0) return [warning(check, 'the name does not resolve: only 127.0.0.1 works', fix)]
  if (foreign.length > 0) return [problem(check, `the name resolves to ${foreign.join(', ')}`, fix)]
  return [ok(check, `the name resolves to ${addresses.join(' and ')}`)]
}
