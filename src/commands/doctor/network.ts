// Whether something listens where Claude Code is told to connect: the proxies and the addresses that the operator has set. Sends them nothing
// but one request without any content or key, for their clock. Nothing is sent to anybody else.
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect } from 'node:net'
import type { Environment } from '../../config/sources.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import { withSettings } from './claude-settings.ts'
import { codeOf, type DoctorContext, type Finding, ok, problem } from './finding.ts'
import { hasOwnLogin } from './own-login.ts'

const check = 'network'

const proxyNames = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']
const baseUrlName = /^ANTHROPIC_(?:[A-Z]+_)?BASE_URL$/

const connectMs = 5_000

type Address = { host: string; port: number; label: string }

const defaultPorts: Record<string, number> = { 'http:': 80, 'https:': 443, 'socks5:': 1080, 'socks:': 1080 }

/** A proxy may be named without a scheme. Null if it is no address. */
export function addressOf(value: string): Address | null {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (!URL.canParse(text)) return null
  const { hostname, port, protocol } = new URL(text)
  const host = hostname.replace(/^\[|\]$/g, '')
  const number = port === '' ? (defaultPorts[protocol] ?? 0) : Number(port)
  return host === '' || number === 0 ? null : { host, port: number, label: `${hostname}:${number}` }
}

/** Why nothing can be reached there; null if something listens. */
function whyUnreachable({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const settle = (reason: string | null) => {
      socket.destroy()
      resolve(reason)
    }
    socket.setTimeout(connectMs, () => settle(`no connection within ${connectMs / 1000} s`))
    socket.once('connect', () => settle(null))
    socket.once('error', (error) => settle(codeOf(error) ?? error.message))
  })
}

type Named = { name: string; value: string }

const setOnes = (environment: Environment, isWanted: (name: string) => boolean): Named[] =>
  Object.entries(environment).flatMap(([name, value]) => (value && isWanted(name) ? [{ name, value }] : []))

const proxiesIn = (environment: Environment) => setOnes(environment, (name) => proxyNames.includes(name))

function bypassesProxy({ host }: Address, { NO_PROXY, no_proxy }: Environment): boolean {
  const entries = (NO_PROXY ?? no_proxy ?? '').split(/[\s,]+/).filter((entry) => entry !== '')
  return entries.some((entry) => entry === '*' || host === entry || host.endsWith(`.${entry.replace(/^\*?\./, '')}`))
}

export async function examineNetwork(context: DoctorContext): Promise<Finding[]> {
  const { environment, origins } = withSettings(context)
  const proxies = proxiesIn(environment)
  const direct = setOnes(environment, (name) => baseUrlName.test(name)).filter(({ value }) => {
    const address = addressOf(value)
    return (
      proxies.length === 0 || address === null || isLoopbackHost(address.host) || bypassesProxy(address, environment)
    )
  })
  const undo = (name: string) => {
    const file = origins.get(name)
    return file === undefined ? `unset ${name}` : `remove ${name} from "env" in ${file}`
  }
  const findings = await Promise.all([
    ...proxies.map(async (named) => examineOne(named, 'start that proxy, or use none', undo(named.name))),
    ...direct.map(async (named) => {
      const start = `start what should listen there, or set ${named.name} to its address`
      // Without it, only a login that does not depend on it goes on working.
      return examineOne(named, start, (await hasOwnLogin(context)) ? undo(named.name) : start)
    }),
  ])
  const wrong = findings.filter((finding) => finding !== null)
  if (wrong.length > 0) return wrong
  const names = [...proxies, ...direct].map(({ name }) => name)
  return [ok(check, names.length === 0 ? 'no proxy and no other address is set' : `reached: ${names.join(', ')}`)]
}

async function examineOne({ name, value }: Named, what: string, fix: string): Promise<Finding | null> {
  const address = addressOf(value)
  if (address === null) return problem(check, `${name} is not an address`, fix)
  const reason = await whyUnreachable(address)
  if (reason === null) return null
  return problem(check, `${name}: nothing can be reached at ${address.label} (${reason}): ${what}`, fix)
}

/** The time by the clocks of the addresses that the operator has set, in milliseconds; null if none says it. */
export async function timeElsewhere(context: DoctorContext): Promise<number | null> {
  const { environment } = withSettings(context)
  if (proxiesIn(environment).length > 0) return null
  const [named] = setOnes(environment, (name) => baseUrlName.test(name))
  return named !== undefined && URL.canParse(named.value) ? dateOf(new URL(named.value)) : null
}

function dateOf(url: URL): Promise<number | null> {
  const send = { 'http:': requestHttp, 'https:': requestHttps }[url.protocol]
  if (send === undefined) return Promise.resolve(null)
  return new Promise((resolve) => {
    const request = send(
      { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port, method: 'HEAD', path: '/', timeout: connectMs },
      (response) => {
        const time = Date.parse(response.headers.date ?? '')
        response.destroy()
        resolve(Number.isNaN(time) ? null : time)
      },
    )
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(null))
    request.once('close', () => resolve(null))
    request.end()
  })
}
