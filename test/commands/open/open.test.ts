// The command `open`, and the link that a server shows on a terminal when it starts: what is printed, what a browser receives, and when
// nothing is opened. The browser is a program of the test, which reports how it was started.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { browserEnvironment, hasScreen } from '../../../src/commands/open/browser.ts'
import { fakeCli, makeFolders, type TestFolders } from '../../helpers/test-server.ts'
import {
  assertFailure,
  assertWrongUsage,
  cli,
  environmentOf,
  fakeClaude,
  noTerminal,
  quoted,
  run,
  runProcess,
  startDemo,
} from '../command-process.ts'
import { keys, list } from '../keys/process.ts'
import { startSharedServer } from '../shared-server.ts'

const linkPattern = /http:\/\/127\.0\.0\.1:\d+\/#code=(csk_[\w-]{49})/

async function makeKey(folders: TestFolders): Promise<string> {
  const { code, stdout } = await keys(folders, ['create', 'laptop', '--quiet'])
  assert.equal(code, 0)
  return stdout.trim()
}

/** For all tests, in their order. At first, there are no keys. */
const { folders: shared, url: sharedUrl, logLines } = await startSharedServer({ fake: 'well-behaved' })

const exchange = (url: string, code: string) =>
  fetch(`${url}/v1/login`, {
    method: 'POST',
    headers: { authorization: `Bearer ${code}`, 'content-type': 'application/json' },
  })

type BrowserStart = { words: string[]; environment: Record<string, string> }
type FakeBrowser = { started: Promise<BrowserStart>; environment: Record<string, string> }

/** The environment in which the test's own browser is found; it reports how it was started. */
async function makeBrowser(t: TestContext, { root }: TestFolders): Promise<FakeBrowser> {
  const { promise: started, resolve } = Promise.withResolvers<BrowserStart>()
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      response.end()
      resolve(body as BrowserStart)
    })
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const path = join(root, 'browser')
  const program = `#!${process.execPath}
    const body = JSON.stringify({ words: process.argv.slice(2), environment: process.env })
    fetch('http://127.0.0.1:${port}/', { method: 'POST', body })`
  writeFileSync(path, program, { mode: 0o755 })
  // The desktop reports no program for addresses, so that the variable is used.
  writeFileSync(join(root, 'xdg-mime'), '#!/bin/sh\n', { mode: 0o755 })
  const searchPath = [root, process.env.PATH ?? ''].join(':')
  return { started, environment: { PATH: searchPath, BROWSER: path, DISPLAY: ':99', XDG_CURRENT_DESKTOP: 'X-Generic' } }
}

/** Only on Linux the test knows how a browser is found. */
const noBrowser = process.platform !== 'linux' && 'a browser can be set in a variable only on Linux'

test('without a running server it says how to start one, and exits with 1', async (t) => {
  const folders = makeFolders(t)
  for (const words of [[], ['--print'], ['--json']]) {
    const outcome = await run(folders, ['open', ...words])
    assertFailure(outcome, /no server is running in .*: start one with \S+claude-serve/)
    assert.equal(outcome.stdout, '')
  }
  assert.ok(!existsSync(folders.dataDir))
})

test('--print without keys prints the address of the page', async () => {
  const [folders, url] = [shared, sharedUrl]
  const { code, stdout, stderr } = await run(folders, ['open', '--print'])
  assert.deepEqual([code, stdout, stderr], [0, `${url}/\n`, ''])
  const result = JSON.parse((await run(folders, ['open', '--print', '--json'])).stdout)
  assert.deepEqual(result, { url: `${url}/`, expires_at: null, opened: false })
})

test('--print with keys prints a link that works once, and nothing else', async () => {
  const [folders, url] = [shared, sharedUrl]
  await makeKey(folders)
  const { code, stdout, stderr } = await run(folders, ['open', '--print'])
  assert.deepEqual([code, stderr], [0, ''])
  const [link = '', secret = ''] = linkPattern.exec(stdout) ?? []
  assert.equal(stdout, `${link}\n`)
  assert.ok(link.startsWith(`${url}/#`))
  assert.deepEqual([(await exchange(url, secret)).status, (await exchange(url, secret)).status], [201, 401])
  assert.ok(!JSON.stringify(logLines).includes(secret))
})

test('--json contains the link, and when it expires', async () => {
  const beforeMs = Date.now()
  const { stdout } = await run(shared, ['open', '--print', '--json'])
  const { url, expires_at, opened } = JSON.parse(stdout)
  assert.match(url, linkPattern)
  assert.equal(opened, false)
  const lifeMs = Date.parse(expires_at) - beforeMs
  assert.ok(lifeMs > 0 && lifeMs <= 60_000 + (Date.now() - beforeMs), String(lifeMs))
})

test('login codes are not listed as keys; the key of a page is listed and can be revoked', async () => {
  const [folders, url] = [shared, sharedUrl]
  const [, secret = ''] = linkPattern.exec((await run(folders, ['open', '--print'])).stdout) ?? []
  const names = async () => (await list(folders)).map(({ name }) => String(name).split(' ')[0])
  // An earlier test has exchanged a code too.
  assert.deepEqual(await names(), ['page', 'laptop'])
  const { key } = (await (await exchange(url, secret)).json()) as { key: string }
  assert.deepEqual(await names(), ['page', 'page', 'laptop'])
  const [page] = await list(folders)
  assert.deepEqual([page?.scopes, page?.state], [['admin'], 'active'])
  assert.equal((await keys(folders, ['revoke', String(page?.name)])).code, 0)
  assert.equal((await fetch(`${url}/v1/runs`, { headers: { authorization: `Bearer ${key}` } })).status, 401)
  assert.deepEqual(await names(), ['page', 'laptop'])
})

test('an unused login code does not require a key once the last key is revoked', async () => {
  const [folders, url] = [shared, sharedUrl]
  for (const { id, name } of await list(folders)) {
    if (name !== 'laptop') await keys(folders, ['revoke', String(id)])
  }
  await run(folders, ['open', '--print'])
  const { stdout, stderr } = await keys(folders, ['revoke', 'laptop'])
  assert.match(stdout, /^revoked laptop/)
  assert.match(stderr, /that was the last key/)
  assert.equal((await fetch(`${url}/v1/runs`)).status, 200)
  assert.deepEqual(await list(folders), [])
})

test('without a screen the link is printed, for the user to open', { skip: noBrowser }, async () => {
  const [folders, url] = [shared, sharedUrl]
  const first = await run(folders, ['open'])
  assert.deepEqual([first.code, first.stdout], [0, `${url}/\n`])
  assert.match(first.stderr, /no display is available: open the link yourself\n$/)
  await makeKey(folders)
  const { code, stdout, stderr } = await run(folders, ['open'])
  assert.equal(code, 0)
  assert.match(stdout, linkPattern)
  assert.match(stderr, /open the link yourself \(it works once, within a minute\)\n$/)
})

test('the browser receives the whole link, and none of our secrets', { skip: noBrowser }, async (t) => {
  const [folders, url] = [shared, sharedUrl]
  const browser = await makeBrowser(t, folders)
  const secrets = { ANTHROPIC_API_KEY: 'sk-ant-test-001', CLAUDE_SERVE_API_KEY: 'csk_x', GITHUB_TOKEN: 'ghp_x' }
  const { code, stdout, stderr } = await runProcess(folders, ['open'], {
    environment: { ...browser.environment, ...secrets, LC_ALL: 'C.UTF-8' },
  })
  assert.deepEqual([code, stdout, stderr], [0, `opened ${url}/\n`, ''])
  const { words, environment } = await browser.started
  assert.equal(words.length, 1)
  const [link = '', secret = ''] = linkPattern.exec(words[0] ?? '') ?? []
  assert.equal(words[0], link)
  assert.equal((await exchange(url, secret)).status, 201)
  for (const name of Object.keys({ ...secrets, CLAUDE_SERVE_DATA_DIR: '' })) assert.ok(!(name in environment), name)
  assert.deepEqual([environment.DISPLAY, environment.LC_ALL], [':99', 'C.UTF-8'])
})

test('a browser receives only the variables on the allowlist', () => {
  const own = { PATH: '/bin', Path: 'C:\\', QT_IM_MODULE: 'x', http_proxy: 'p', 'ProgramFiles(x86)': 'q', WSLENV: 'w' }
  assert.deepEqual(
    browserEnvironment({ ...own, NODE_OPTIONS: '--x', LD_PRELOAD: '/x', AWS_SECRET: 'y', HOME: undefined }),
    own,
  )
})

test('on Linux a variable shows whether there is a screen', { skip: noBrowser }, () => {
  assert.deepEqual([{}, { DISPLAY: '' }, { DISPLAY: ':0' }, { WAYLAND_DISPLAY: 'wayland-0' }].map(hasScreen), [
    false,
    false,
    true,
    true,
  ])
})

test('wrong usage prints one line and exits with 2', async (t) => {
  const folders = makeFolders(t)
  for (const [words, message] of [
    [['--prnt'], /unknown option '--prnt' \(Did you mean --print\?\)/],
    [['now'], /too many arguments/],
  ] as const)
    assertWrongUsage(await run(folders, ['open', ...words]), 'open', message)
})

type Shown = { url: string; text: string }

/** Starts a server on a terminal, waits for the wanted output, stops the server, and returns everything that was shown. */
async function serveOnTerminal(
  t: TestContext,
  folders: TestFolders,
  wanted: (text: string) => Promise<unknown> | boolean,
  options: { words?: string[]; environment?: Record<string, string> } = {},
): Promise<Shown> {
  const words = ['--port', '0', '--warm', '0', '--claude-bin', fakeCli('well-behaved'), ...(options.words ?? [])]
  const command = [process.execPath, cli, ...words].map(quoted).join(' ')
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folders.cwd,
    env: { ...environmentOf(folders, options.environment), TERM: 'xterm', SHELL: '/bin/sh' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  t.after(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const part of child.stdout) {
    text += part
    if (!/\nclaude [^\n]+\n/.test(text.replaceAll('\r', '')) || !(await wanted(text))) continue
    break
  }
  assert.equal((await run(folders, ['stop', '--now'])).code, 0)
  await closed
  const [, url = ''] = /listening on (http:\S+)/.exec(text) ?? []
  return { url, text: text.replaceAll('\r\n', '\n') }
}

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/** A browser of the test, and whether it has been started so far. */
async function watchBrowser(t: TestContext, folders: TestFolders) {
  const browser = await makeBrowser(t, folders)
  const watched = { environment: browser.environment, isStarted: false }
  void browser.started.then(() => {
    watched.isStarted = true
  })
  return watched
}

test('a server that starts on a terminal of CI shows the whole link there and nowhere else, and opens nothing', {
  skip: noTerminal,
}, async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders)
  const browser = await watchBrowser(t, folders)
  let status = 0
  const isShown = async (shown: string) => {
    const [link, secret = ''] = linkPattern.exec(shown) ?? []
    if (link === undefined) return false
    status = (await exchange(new URL(link).origin, secret)).status
    return true
  }
  const { text } = await serveOnTerminal(t, folders, isShown, { environment: { ...browser.environment, CI: 'true' } })
  assert.equal(status, 201)
  const [, secret = ''] = linkPattern.exec(text) ?? []
  assert.match(text, /listening on \S+\nopen the page: http:\S+ \(works once, within a minute\)\n/)
  assert.equal(text.split(secret).length, 2)
  const logs = filesBelow(folders.dataDir)
  assert.ok(logs.some((file) => file.endsWith('claude-serve.log')))
  for (const file of logs) assert.ok(!readFileSync(file).includes(secret.slice(4)), file)
  assert.equal(browser.isStarted, false)
})

test('a server that starts without keys shows its address but no link, and opens nothing', {
  skip: noTerminal,
}, async (t) => {
  const folders = makeFolders(t)
  const browser = await watchBrowser(t, folders)
  const { environment } = browser
  const { text } = await serveOnTerminal(t, folders, () => true, { environment })
  assert.match(text, /listening on http:/)
  assert.doesNotMatch(text, /open the page|code=/)
  assert.equal(browser.isStarted, false)
})

test('a server that does not start on a terminal shows no link', async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders)
  const { process: started } = await startDemo(t, folders, '--claude-bin', fakeClaude)
  await started.until('stdout', /\nclaude [^\n]+\n/)
  assert.doesNotMatch(started.stdout, /open the page|csk_/)
})

test('a server that starts on a terminal of a desktop opens the page', {
  skip: noTerminal || noBrowser,
}, async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders)
  const browser = await makeBrowser(t, folders)
  const { environment } = browser
  await serveOnTerminal(t, folders, () => browser.started, { environment })
  const { words } = await browser.started
  assert.match(words.join(), linkPattern)
})

test('with --no-open no browser is started, but the link is shown', {
  skip: noTerminal || noBrowser,
}, async (t) => {
  const folders = makeFolders(t)
  await makeKey(folders)
  const browser = await watchBrowser(t, folders)
  const { text } = await serveOnTerminal(t, folders, (shown) => linkPattern.test(shown), {
    words: ['--no-open'],
    environment: browser.environment,
  })
  assert.match(text, linkPattern)
  assert.equal(browser.isStarted, false)
})
