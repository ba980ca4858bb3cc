// Who is at the other end: on Linux another user of the machine is refused where no key is needed, and let in with one. And what a
// server that listens beyond loopback asks for.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { newSecret } from '../../src/core/keys.ts'
import { peerUserId } from '../../src/http/peer.ts'
import { StartError } from '../../src/server.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import { makeFolders, startTestServer, type TestFolders } from '../helpers/test-server.ts'

const nobody = 65_534
const isLinux = process.platform === 'linux'
const canBeAnother = isLinux && process.getuid?.() === 0

const program = `
  const headers = process.argv[2] ? { authorization: 'Bearer ' + process.argv[2] } : {}
  const { status } = await fetch(process.argv[1] + '/v1/runs', { headers })
  console.log(status)
`

/** The status that another user's program gets; null where it cannot be run as one. */
async function askAsNobody(url: string, key = ''): Promise<number | null> {
  const args = ['--input-type=module', '-e', program, url, key]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      uid: nobody,
      gid: nobody,
      cwd: '/',
      env: {},
    })
    return Number(stdout)
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'EACCES') return null
    throw fault
  }
}

async function makeKey({ dataDir }: TestFolders): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const store = await openKeyStore(dataDir)
  const none = { expiresAtMs: null, ratePerMinute: null, budgetUsd: null, revokedAtMs: null, lastUsedAtMs: null }
  await store.createKey({ id: 'key_1', name: 'one', prefix, hash, scopes: ['agent'], createdAtMs: Date.now(), ...none })
  await store.close()
  return secret
}

test('the user at the other end of a loopback connection is known', {
  skip: !isLinux && 'only Linux tells',
}, async (t) => {
  for (const address of ['127.0.0.1', '::1']) {
    const { promise, resolve } = Promise.withResolvers<number | null>()
    const server = createServer((socket) => {
      resolve(peerUserId(socket))
      socket.end()
    })
    t.after(() => void server.close())
    await new Promise<void>((ready) => server.listen(0, address, ready))
    const { port } = server.address() as { port: number }
    const host = address === '::1' ? '[::1]' : address
    await fetch(`http://${host}:${port}/`).catch(() => {})
    assert.equal(await promise, process.getuid?.())
  }
})

const whyNot = !canBeAnother && 'only root can be another user'

test('another user of the machine is refused without a key, and let in with one', {
  skip: whyNot,
}, async (t: TestContext) => {
  const folders = makeFolders(t)
  const server = await startTestServer(t, { folders })
  const status = await askAsNobody(server.url)
  if (status === null) return t.skip('this Node cannot be run by another user')
  assert.equal(status, 401)
  assert.equal((await fetch(`${server.url}/v1/runs`)).status, 200)
  assert.equal(await askAsNobody(server.url, await makeKey(folders)), 200)
})

test('a server beyond loopback starts with a key and a name to be called by, and nobody gets in without the key', async (t) => {
  const folders = makeFolders(t)
  await (await startTestServer(t, { folders })).close(0)
  const secret = await makeKey(folders)
  const config = { host: '0.0.0.0', port: 0 }
  await assert.rejects(startTestServer(t, { folders, config }), (fault) => {
    assert.ok(fault instanceof StartError)
    assert.match(fault.message, /give --allow-host/)
    return true
  })
  const server = await startTestServer(t, { folders, config: { ...config, allowHosts: ['box.example'] } })
  const url = `http://127.0.0.1:${server.port}/v1/runs`
  assert.equal((await fetch(url)).status, 401)
  assert.equal((await fetch(url, { headers: { 'x-api-key': secret } })).status, 200)
})
