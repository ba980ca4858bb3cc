// Every way to reach the server, from every kind of page that is not its own. browser-cors.ts covers what such pages may do if their
// origin is allowed.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Frame } from 'playwright-core'
import { extendedTest, test } from '../helpers/extended.ts'
import { type Attack, attacks, programOf } from './browser-attacks.ts'
import {
  type Arrival,
  assertNothingGranted,
  assertRefused,
  newMark,
  openPage,
  type Scene,
  startHome,
  startOpenDoor,
  startTarget,
  type Watch,
} from './browser-scene.ts'

const evil = 'evil.example'

/** Ends a test that hangs. */
const timeout = 60_000

/** The target of attacks, and where they come from. */
type Field = { origin: string; home: string; watch: Watch }

type Strike = { learned: string; arrivals: Arrival[] }

/** One attack, from a page that stays at its address. */
async function strike(
  frame: Frame,
  attack: Attack,
  { origin, home, watch }: Field,
  isEnough: (arrivals: Arrival[]) => boolean,
): Promise<Strike> {
  const mark = newMark()
  const before = frame.url()
  const learned = await frame.evaluate<string>(programOf(attack, `${origin}${attack.path}${mark}`, home))
  const arrivals = await watch.until(mark, isEnough)
  for (const other of frame.page().context().pages()) if (other !== frame.page()) await other.close()
  assert.equal(frame.url(), before)
  return { learned, arrivals }
}

function innermost(frames: Frame[]): Frame {
  const frame = frames.at(-1)
  assert.ok(frame)
  return frame
}

type Kind = {
  what: string
  /** The host name of the pages, and the one at which they look for the server. */
  host: string
  to: string
  path?: string
  /** Which attacks to run; all by default. */
  rows?: RegExp
  /** The browser takes the page for one on the internet, and its user allowed it to reach this machine. */
  isPublic?: true
  isFile?: true
  /** It differs from another kind only by its address: it has its turn in the extended tests. */
  isFurther?: true
}

/** Leaves out the many slow ways to open a page or a frame; of those, one of each sort is left. */
const brief = /^B(06|08 <(?!meta)|1[169] (?!<a)|20|24 fetch)|like JSON$|<iframe>$|window\.open$/

/** One of each sort, for what differs by the page and not by the attack. */
const essential = new Set([
  ...['B06 fetch', 'B08 <img>', 'B11 fetch, JSON', 'B15 a form, text like JSON', 'B16 fetch, no-cors, text'],
  ...['B20 EventSource', 'B22 <iframe>', 'B24 fetch, no-cors, without body'],
])
const isEssential = ({ name }: Attack) => essential.has(name)

const shares = [
  { register: test, more: '', isIncluded: isEssential },
  { register: extendedTest, more: ', whatever it tries', isIncluded: (attack: Attack) => !isEssential(attack) },
]

/** From one kind of page, of each attack at least a quick form. */
const isQuick = ({ name }: Attack) => brief.test(name)
const firstShares = [
  { register: test, more: '', isIncluded: isQuick },
  { register: extendedTest, more: ', whatever it tries', isIncluded: (attack: Attack) => !isQuick(attack) },
]

const kinds: Kind[] = [
  { what: 'a page of another site', host: evil, to: '127.0.0.1' },
  { what: 'a page of another port of localhost', host: 'localhost', to: 'localhost', isFurther: true },
  { what: 'a page of another port of 127.0.0.1', host: '127.0.0.1', to: '127.0.0.1', rows: brief },
  { what: 'a sandboxed page', host: evil, to: '127.0.0.1', path: '/sandboxed', rows: brief },
  { what: 'a data: page', host: evil, to: 'localhost', path: '/data', rows: brief, isFurther: true },
  { what: 'a file: page', host: evil, to: '127.0.0.1', isFile: true, rows: brief, isFurther: true },
  {
    what: 'a page that sends no referrer',
    host: evil,
    to: 'localhost',
    path: '/quiet',
    rows: /^B(08 <(?!meta)|16 f)|like JSON$|<iframe>$|noreferrer$/,
  },
  {
    what: 'a page of the internet',
    host: 'localhost',
    to: '127.0.0.1',
    isPublic: true,
    rows: /^B(06 f|1[16] f)|like JSON$/,
  },
  {
    what: 'a page that uses 0.0.0.0',
    host: evil,
    to: '0.0.0.0',
    rows: /^B(06|1[16] f|20)|like JSON$|<iframe>$/,
    isFurther: true,
  },
]

function newFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-page-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'page.html')
  writeFileSync(path, '<!doctype html><body></body>')
  return pathToFileURL(path).href
}

function expected({ isRare, isSameOriginOnly, isPreflighted, sends }: Attack): string[] {
  if (isRare || isSameOriginOnly) return []
  return [isPreflighted ? 'OPTIONS' : sends]
}

async function assertStopped(frame: Frame, attack: Attack, field: Field): Promise<void> {
  const wanted = expected(attack)
  const { learned, arrivals } = await strike(frame, attack, field, ({ length }) => length >= wanted.length)
  assert.equal(learned, '')
  for (const arrival of arrivals) assertRefused(arrival)
  if (attack.isRare) return
  const methods = arrivals.map(({ method }) => method)
  assert.deepEqual(methods, wanted)
}

async function open(t: TestContext, { browser, home, publicHome }: Scene, kind: Kind) {
  const base = `http://${kind.host}:${(kind.isPublic ? publicHome : home).port}`
  const address = kind.isFile ? newFile(t) : `${base}${kind.path ?? '/'}`
  const page = await openPage(t, browser, address, kind.isPublic ? ['local-network-access'] : [])
  return { page, base }
}

export function foreignPages(scene: Scene): void {
  for (const kind of kinds) {
    const all = attacks.filter(({ name }) => kind.rows?.test(name) ?? true)
    const isFirst = kind === kinds[0]
    for (const { register, more, isIncluded } of isFirst ? firstShares : shares) {
      const registerKind = kind.isFurther ? extendedTest : register
      registerKind(`B06 ${kind.what} starts no run and reads nothing${more}`, { timeout }, async (t) => {
        const target = await startTarget(t)
        const { page, base } = await open(t, scene, kind)
        const frame = innermost(page.frames())
        const field = { origin: `http://${kind.to}:${target.port}`, home: base, watch: target.watch }
        for (const attack of all.filter(isIncluded)) {
          await t.test(`${attack.name}, from ${kind.what}`, () => assertStopped(frame, attack, field))
        }
        await page.context().close()
        for (const arrival of target.watch.arrivals) assertRefused(arrival)
        assert.equal(target.agent.requests.length, 0)
      })
    }
  }
}

/** The same attacks on a server without access checks, to prove that they are attacks. */
export function openDoor({ browser, home }: Scene): void {
  const possible = attacks.filter(({ isRare, isSameOriginOnly }) => !isRare && !isSameOriginOnly)
  for (const { register, more, isIncluded } of shares) {
    register(`B06 an attack of a page reaches a server that lets everybody in${more}`, { timeout }, async (t) => {
      const { port, watch } = await startOpenDoor(t)
      const base = `http://${evil}:${home.port}`
      const frame = (await openPage(t, browser, base)).mainFrame()
      const field = { origin: `http://127.0.0.1:${port}`, home: base, watch }
      for (const attack of possible.filter(isIncluded)) {
        await t.test(`${attack.name}, to a server that lets everybody in`, async () => {
          const isEnough = (arrivals: Arrival[]) => arrivals.some(({ method }) => method === attack.sends)
          const { learned } = await strike(frame, attack, field, isEnough)
          assert.equal(learned !== '', attack.reads === true, learned)
        })
      }
    })
  }
}

/** For a server name of the local network, browsers send nothing about the page: the request could come from a program. */
export function unidentified({ browser, home }: Scene): void {
  test('B08 a request that cannot be recognized as coming from a page starts no run, and no page can read its answer', {
    timeout,
  }, async (t) => {
    const target = await startTarget(t, { allowHosts: ['box.example'] })
    const base = `http://${evil}:${home.port}`
    const page = await openPage(t, browser, `${base}/quiet`)
    const field = { origin: `http://box.example:${target.port}`, home: base, watch: target.watch }
    for (const attack of attacks.filter(isEssential)) {
      await t.test(`${attack.name}, to a name of the local network`, async () => {
        const wanted = expected(attack)
        const { learned, arrivals } = await strike(
          page.mainFrame(),
          attack,
          field,
          ({ length }) => length >= wanted.length,
        )
        assert.equal(learned, '')
        for (const { method, status, answered } of arrivals) {
          assert.ok(status === 403 || (status === 200 && method === 'GET'), `${method} ${status}`)
          assertNothingGranted(answered)
        }
      })
    }
    await page.context().close()
    assert.ok(target.watch.arrivals.some(({ status }) => status === 200))
    assert.equal(target.agent.requests.length, 0)
  })
}

/** All that the page can read is the refusal. */
async function assertTurnedAway(frame: Frame, attack: Attack, field: Field): Promise<void> {
  const isEnough = ({ length }: Arrival[]) => attack.isRare === true || length > 0
  const { learned, arrivals } = await strike(frame, attack, field, isEnough)
  for (const arrival of arrivals) assertRefused(arrival)
  if (learned !== '') assert.match(learned, /"this server does not answer as rebound\.example;/)
}

/** A page whose host name now leads to the server: to the browser they are one origin. */
export function reboundName({ browser, home }: Scene): void {
  for (const { register, more, isIncluded } of shares) {
    register(
      `B18 a page whose name was rebound to the server starts no run and reads nothing${more}`,
      { timeout },
      async (t) => {
        const first = await startHome(t)
        const origin = `http://rebound.example:${first.port}`
        const page = await openPage(t, browser, origin)
        await first.close()
        const target = await startTarget(t, { port: first.port })
        const field = { origin, home: `http://${evil}:${home.port}`, watch: target.watch }
        for (const attack of attacks.filter(isIncluded)) {
          await t.test(`${attack.name}, from a rebound name`, () => assertTurnedAway(page.mainFrame(), attack, field))
        }
        for (const method of ['GET', 'POST']) {
          await t.test(`B18 fetch, ${method}, from a rebound name gets host_not_allowed`, async () => {
            const answer = await page.evaluate<string>(
              `fetch('/v1/chat', { method: '${method}' }).then((told) => told.text())`,
            )
            assert.equal(JSON.parse(answer).code, 'host_not_allowed')
          })
        }
        await page.context().close()
        assert.equal(target.agent.requests.length, 0)
      },
    )
  }
}
