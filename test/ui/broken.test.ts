// The web page where its server is gone, or cannot be reached for a while: it says so, and goes on by itself when it can.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after } from 'node:test'
import type { RunReply } from '../../src/surfaces/native/run-schemas.ts'
import { Running } from '../commands/command-process.ts'
import type { Cleanup } from '../helpers/browser.ts'
import { makeFolders, step } from '../helpers/test-server.ts'
import { apiOf, button, messagesOf, openPageScene, pageTest, promptOf, unreachable } from './page-scene.ts'

const scene = await openPageScene()
/** The file of tests, as that after which something is to be put away. */
const file = { after: (end: () => Promise<void>) => after(end) }

type Line = { url: string; cut(): void; mend(): void }

/** A way to the server that can be cut in two. */
async function openLine(t: Cleanup): Promise<Line> {
  const open = new Set<Socket>()
  let isCut = false
  const line = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(scene.server.port, '127.0.0.1')
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
  line.listen(0, '127.0.0.1')
  await once(line, 'listening')
  const cut = () => {
    isCut = true
    for (const socket of open) socket.destroy()
  }
  const mend = () => {
    isCut = false
  }
  t.after(async () => {
    cut()
    line.close()
  })
  const url = `http://127.0.0.1:${(line.address() as AddressInfo).port}`
  return { url, cut, mend }
}

const line = await openLine(file)
const folders = makeFolders(file)
const startServer = (port: number) =>
  new Running(folders, ['--demo', '--port', String(port), '--warm', '0', '--log-level', 'silent'])
const first = startServer(0)
await first.until('stdout', /listening on \S+\n/)
const port = Number(/listening on \S+:(\d+)/.exec(first.stdout)?.[1])
let server = first
after(async () => {
  server.child.kill('SIGTERM')
  await server.outcome()
})
const url = `http://127.0.0.1:${port}`

const words = Array.from({ length: 16 }, (_, at) => `w${at}`).join(' ')
const lost = 'The connection is lost; trying to get it back. The run goes on.'

pageTest(
  scene.browser,
  () => line.url,
  'a connection that breaks is taken up again where it broke',
  async (tab) => {
    const { page } = tab
    await tab.ask(step({ text: words, tokens: 16, gap: 400 }))
    await tab.answer.getByText('w2').waitFor()
    line.cut()
    await page.getByText(lost).waitFor()
    assert.doesNotMatch(await tab.answer.innerText(), /w15/)
    line.mend()
    await page.getByText(lost).waitFor({ state: 'detached' })
    await tab.settled()
    await tab.answer.getByText(words, { exact: true }).waitFor()
    assert.equal(await messagesOf(page, 'Claude').count(), 1)
    tab.expectFault(unreachable)
  },
)

pageTest(
  scene.browser,
  () => line.url,
  'each view says that the server cannot be reached, and is there again by itself',
  async (tab) => {
    const { page } = tab
    await tab.ask('Something to list')
    await tab.settled()
    const conversation = page.url()
    const { session_id: copy } = await scene.api<{ session_id: string }>(
      `/v1/sessions/${conversation.split('/').at(-1)}/fork`,
      { method: 'POST' },
    )
    const pages = {
      sessions: '#/sessions',
      runs: '#/runs',
      usage: '#/usage',
      server: '#/server',
      run: `#/runs/${(await scene.newestRun()).id}`,
      chat: `#/chat/${copy}`,
    }
    const tabs = await Promise.all(
      Object.keys(pages).map(async (name) => [name, await tab.another('/#/none')] as const),
    )
    line.cut()
    // Half of them are opened only now.
    for (const [name, each] of tabs) {
      await each.bringToFront()
      await each.evaluate(`location.hash = ${JSON.stringify(pages[name as keyof typeof pages])}`)
      await each.getByText('The server cannot be reached. Is it still running?').first().waitFor()
    }
    line.mend()
    const stuck: string[] = []
    const waits = tabs.map(async ([name, each]) => {
      const alert = each.getByRole('alert').first()
      await alert.waitFor({ state: 'detached' }).catch(() => stuck.push(name))
    })
    await Promise.all(waits)
    assert.deepEqual(stuck, [])
    for (const [name, each] of tabs)
      if (name !== 'server' && name !== 'usage') await each.getByText('Something to list').first().waitFor()
    tab.expectFault(unreachable)
  },
)

pageTest(
  scene.browser,
  () => line.url,
  'what could not be sent stays, with its files, and can be sent when the server is back',
  async (tab) => {
    const { page } = tab
    await page
      .getByLabel('Files', { exact: true })
      .setInputFiles([{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('a note') }])
    await page.getByText('notes.txt').waitFor()
    line.cut()
    await tab.ask('With a file')
    await page.getByRole('alert').getByText('The server cannot be reached').waitFor()
    assert.equal(await tab.prompt.inputValue(), 'With a file')
    line.mend()
    await button(page, 'Send').click()
    await tab.answer.getByText('I got 0 images and 1 document.').waitFor()
    await tab.settled()
    tab.expectFault(unreachable)
  },
)

pageTest(
  scene.browser,
  () => url,
  'a server that dies and comes back: what ran has failed, and the conversation goes on',
  async (tab) => {
    const { page } = tab
    await tab.ask(step({ text: words, tokens: 16, gap: 400 }))
    await tab.answer.getByText('w1').waitFor()
    server.child.kill('SIGKILL')
    await server.outcome()
    await page.getByText(lost).waitFor()
    server = startServer(port)
    await server.until('stdout', /listening on \S+\n/)
    await page.getByText(lost).waitFor({ state: 'detached' })
    await button(tab.answer, 'Try again').waitFor()
    const {
      runs: [run],
    } = await apiOf(() => url)<{ runs: RunReply[] }>('/v1/runs?limit=1')
    assert.equal(run?.status, 'failed')
    await tab.answer.getByText(String(run?.error?.code), { exact: true }).waitFor()
    assert.match(await tab.answer.innerText(), /w1/)
    await promptOf(page).fill('Are you there?')
    await button(page, 'Send').click()
    await tab.answer.getByText('You said: Are you there?').waitFor()
    await tab.settled()
    tab.expectFault(unreachable)
  },
)
