// The web page when its server dies or cannot be reached for a while: it shows an error and recovers by itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after } from 'node:test'
import type { RunReply } from '../../src/surfaces/native/reply-schemas.ts'
import { Running } from '../commands/command-process.ts'
import { type Cleanup, openBrowser } from '../helpers/browser.ts'
import { extendedTest } from '../helpers/extended.ts'
import { loggedInCli, makeFolders, step } from '../helpers/test-server.ts'
import { apiOf, button, messagesOf, pageTest, promptOf, unreachable } from './page-scene.ts'

/** Cleans up after all tests of this file. */
const file = { after: (end: () => Promise<void>) => after(end) }
const browser = await openBrowser(file)

type Proxy = { url: string; cut(): void; restore(): void }

/** A TCP proxy to the server whose connections can be cut. */
async function startProxy(t: Cleanup, port: number): Promise<Proxy> {
  const open = new Set<Socket>()
  let isCut = false
  const listener = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const cut = () => {
    isCut = true
    for (const socket of open) socket.destroy()
  }
  const restore = () => {
    isCut = false
  }
  t.after(async () => {
    cut()
    listener.close()
  })
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  return { url, cut, restore }
}

const folders = makeFolders(file)
const flags = ['--demo', '--warm', '0', '--log-level', 'silent', '--claude-bin', loggedInCli(folders)]
const startServer = (port: number) => new Running(folders, [...flags, '--port', String(port)])
const first = startServer(0)
await first.until('stdout', /listening on \S+\n/)
const port = Number(/listening on \S+:(\d+)/.exec(first.stdout)?.[1])
let server = first
after(async () => {
  server.child.kill('SIGTERM')
  await server.outcome()
})
const url = `http://127.0.0.1:${port}`
const proxy = await startProxy(file, port)
const api = apiOf(() => url)

const answerText = Array.from({ length: 16 }, (_, index) => `w${index}`).join(' ')
const lostNotice = 'Connection lost. Reconnecting… The run continues on the server.'

pageTest(
  browser,
  () => proxy.url,
  'a broken connection is resumed where it broke',
  async (tab) => {
    const { page } = tab
    await tab.send(step({ text: answerText, tokens: 16, gap: 400 }))
    await tab.answer.getByText('w2').waitFor()
    proxy.cut()
    await page.getByText(lostNotice).waitFor()
    assert.doesNotMatch(await tab.answer.innerText(), /w15/)
    proxy.restore()
    await page.getByText(lostNotice).waitFor({ state: 'detached' })
    await tab.settled()
    await tab.answer.getByText(answerText, { exact: true }).waitFor()
    assert.equal(await messagesOf(page, 'Claude').count(), 1)
    tab.expectError(unreachable)
  },
  { isPlain: true },
  extendedTest,
)

pageTest(
  browser,
  () => proxy.url,
  'each view shows that the server cannot be reached, and recovers by itself',
  async (tab) => {
    const { page } = tab
    await tab.send('Something to list')
    await tab.settled()
    const conversation = page.url()
    const { session_id: copy } = await api<{ session_id: string }>(
      `/v1/sessions/${conversation.split('/').at(-1)}/fork`,
      { method: 'POST' },
    )
    const [run] = (await api<{ runs: RunReply[] }>('/v1/runs?limit=1')).runs
    assert.ok(run)
    const pages = {
      sessions: '#/sessions',
      runs: '#/runs',
      usage: '#/usage',
      server: '#/server',
      run: `#/runs/${run.id}`,
      chat: `#/chat/${copy}`,
    }
    const tabs = await Promise.all(
      Object.keys(pages).map(async (name) => [name, await tab.another('/#/none')] as const),
    )
    proxy.cut()
    // The views are only loaded now.
    for (const [name, each] of tabs) {
      await each.bringToFront()
      await each.evaluate(`location.hash = ${JSON.stringify(pages[name as keyof typeof pages])}`)
      await each.getByText('The server cannot be reached. Is it still running?').first().waitFor()
    }
    proxy.restore()
    const stuckViews: string[] = []
    const waits = tabs.map(async ([name, each]) => {
      const alert = each.getByRole('alert').first()
      await alert.waitFor({ state: 'detached' }).catch(() => stuckViews.push(name))
    })
    await Promise.all(waits)
    assert.deepEqual(stuckViews, [])
    for (const [name, each] of tabs)
      if (name !== 'server' && name !== 'usage') await each.getByText('Something to list').first().waitFor()
    tab.expectError(unreachable)
  },
  {},
  extendedTest,
)

pageTest(
  browser,
  () => proxy.url,
  'a prompt that could not be sent stays, with its files, and can be sent when the server is back',
  async (tab) => {
    const { page } = tab
    await page
      .getByLabel('Files', { exact: true })
      .setInputFiles([{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('a note') }])
    await page.getByText('notes.txt').waitFor()
    proxy.cut()
    await tab.send('With a file')
    await page.getByRole('alert').getByText('The server cannot be reached').waitFor()
    const { command } = await api<{ command: string }>('/v1/health')
    await page.getByRole('alert').getByText(`Start it with ${command}. `).waitFor()
    assert.equal(await tab.prompt.inputValue(), 'With a file')
    proxy.restore()
    await button(page, 'Send').click()
    await tab.answer.getByText('I got 0 images and 1 document.').waitFor()
    await tab.settled()
    tab.expectError(unreachable)
  },
  {},
  extendedTest,
)

pageTest(
  browser,
  () => url,
  'after a server crash and restart, the active run has failed and the conversation can continue',
  async (tab) => {
    const { page } = tab
    await tab.send(step({ text: answerText, tokens: 16, gap: 400 }))
    await tab.answer.getByText('w1').waitFor()
    server.child.kill('SIGKILL')
    await server.outcome()
    await page.getByText(lostNotice).waitFor()
    server = startServer(port)
    await server.until('stdout', /listening on \S+\n/)
    await page.getByText(lostNotice).waitFor({ state: 'detached' })
    await button(tab.answer, 'Try again').waitFor()
    const {
      runs: [run],
    } = await api<{ runs: RunReply[] }>('/v1/runs?limit=1')
    assert.equal(run?.status, 'failed')
    await tab.answer.getByText(String(run?.error?.code), { exact: true }).waitFor()
    assert.match(await tab.answer.innerText(), /w1/)
    await promptOf(page).fill('Are you there?')
    await button(page, 'Send').click()
    await tab.answer.getByText('You said: Are you there?').waitFor()
    await tab.settled()
    tab.expectError(unreachable)
  },
  { isPlain: true },
)
