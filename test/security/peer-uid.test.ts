// The user at the other end of a connection: on Linux another user of the machine is refused if no key exists, and accepted with a key.
// And what a server that listens beyond loopback requires.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { Authenticator } from '../../src/auth/authenticate.ts'
import { type PeerUser, peerUser } from '../../src/auth/peer-uid.ts'
import { StartupError } from '../../src/errors.ts'
import { openMemoryStore } from '../../src/store/sqlite.ts'
import { makeFolders, startTestServer } from '../helpers/test-server.ts'
import { makeKey } from './folders-key.ts'

const nobody = 65_534
const isLinux = process.platform === 'linux'
const canBeAnother = isLinux && process.getuid?.() === 0

const program = `
  const headers = process.argv[2] ? { authorization: 'Bearer ' + process.argv[2] } : {}
  const [method = 'GET', path = '/v1/runs'] = process.argv.slice(3)
  if (method === 'POST') headers['content-type'] = 'application/json'
  const { status } = await fetch(process.argv[1] + path, { method, headers })
  console.log(status)
`

/** The status that another user's program gets; null if the program cannot run as that user. */
async function askAsNobody(url: string, key = '', ...route: string[]): Promise<number | null> {
  const args = ['--input-type=module', '-e', program, url, key, ...route]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      uid: nobody,
      gid: nobody,
      cwd: '/',
      env: {},
    })
    return Number(stdout)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return null
    throw error
  }
}

test('the user at the other end of a loopback connection is known', {
  skip: !isLinux && 'only Linux reports it',
}, async (t) => {
  for (const address of ['127.0.0.1', '::1']) {
    const { promise, resolve } = Promise.withResolvers<PeerUser>()
    const server = createServer((socket) => {
      // While the connection is open: the kernel's table lists no others.
      void peerUser(socket).then((uid) => {
        resolve(uid)
        socket.end()
      })
    })
    t.after(() => void server.close())
    await new Promise<void>((ready) => server.listen(0, address, ready))
    const { port } = server.address() as { port: number }
    const host = address === '::1' ? '[::1]' : address
    await fetch(`http://${host}:${port}/`).catch(() => {})
    assert.equal(await promise, process.getuid?.())
  }
})

test('the user of an IPv4 connection from an IPv6 socket is known too', {
  skip: !isLinux && 'only Linux reports it',
}, async (t) => {
  const { socket, close } = await connectTo('127.0.0.1', { host: '::ffff:127.0.0.1' })
  t.after(close)
  assert.equal(await peerUser(socket), process.getuid?.())
})

test('the user of a closed connection is gone, and so is that of a connection that never existed', {
  skip: !isLinux && 'only Linux reports it',
}, async (t) => {
  const { socket, client, close } = await connectTo('127.0.0.1', {})
  t.after(close)
  client.resetAndDestroy()
  await once(socket, 'close').catch(() => {})
  const ends = { localAddress: '127.0.0.1', localPort: 1, remoteAddress: '127.0.0.1', remotePort: 2 }
  assert.equal(await peerUser(ends), 'gone')
  for (const address of ['::1', 'fe80::1%lo', '1:2:3:4:5:6:7:8', '1::8', '::ffff:1.2.3.4']) {
    assert.equal(await peerUser({ ...ends, localAddress: address, remoteAddress: address }), 'gone')
  }
})

test('the same port at another loopback address is not the same user', {
  skip: !isLinux && 'only Linux reports it',
}, async (t) => {
  const { socket, client, close } = await connectTo('127.0.0.1', {})
  t.after(close)
  assert.equal(await peerUser(socket), process.getuid?.())
  const ends = { localAddress: '127.0.0.1', localPort: socket.localPort, remotePort: client.localPort }
  assert.equal(await peerUser({ ...ends, remoteAddress: '127.0.0.2' } as Socket), 'gone')
})

test('the users of many connections at once are known', { skip: !isLinux && 'only Linux reports it' }, async (t) => {
  const connected = await Promise.all(Array.from({ length: 100 }, () => connectTo('127.0.0.1', {})))
  t.after(() => {
    for (const { close } of connected) close()
  })
  const users = await Promise.all(connected.map(({ socket }) => peerUser(socket)))
  assert.deepEqual(new Set(users), new Set([process.getuid?.()]))
})

type Connected = { socket: Socket; client: Socket; close(): void }

/** Both ends of a connection to a server at the address. */
async function connectTo(address: string, options: { host?: string }): Promise<Connected> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect({ port, host: address, ...options })
  await once(client, 'connect')
  const [socket] = await accepted
  socket.on('error', () => {})
  const close = () => {
    client.destroy()
    socket.destroy()
    server.close()
  }
  return { socket, client, close }
}

const whyNot = !canBeAnother && 'only root can run programs as another user'

test('another user of the machine is refused without a key and accepted with one', {
  skip: whyNot,
}, async (t: TestContext) => {
  const folders = makeFolders(t)
  const server = await startTestServer(t, { folders, fake: 'well-behaved' })
  const status = await askAsNobody(server.url)
  if (status === null) return t.skip('this Node cannot be run by another user')
  assert.equal(status, 401)
  assert.equal((await fetch(`${server.url}/v1/runs`)).status, 200)
  assert.equal(await askAsNobody(server.url, await makeKey(folders)), 200)
})

test('another user of the machine cannot use the code of a one-time link, even if they read it in the arguments of a browser', {
  skip: whyNot,
}, async (t: TestContext) => {
  const folders = makeFolders(t)
  const server = await startTestServer(t, { folders, fake: 'well-behaved' })
  const key = await makeKey(folders)
  const [, code = ''] = (await server.pageLink())?.split('#code=') ?? []
  const status = await askAsNobody(server.url, code, 'POST', '/v1/login')
  if (status === null) return t.skip('this Node cannot be run by another user')
  assert.equal(status, 401)
  assert.equal(await askAsNobody(server.url, key), 200)
  const headers = { authorization: `Bearer ${code}`, 'content-type': 'application/json' }
  assert.equal((await fetch(`${server.url}/v1/login`, { method: 'POST', headers })).status, 201)
})

test('a client that disconnects before its user is known is refused', {
  skip: !isLinux && 'only Linux reports it',
}, async () => {
  const callers = new Authenticator({ keys: openMemoryStore(), isLoopback: true, now: Date.now })
  const socket = { localAddress: '127.0.0.1', localPort: 1, remoteAddress: '127.0.0.1', remotePort: 2 }
  const request = { headers: {}, raw: { socket, headersDistinct: {} } } as unknown as FastifyRequest
  await assert.rejects(callers.identify(request, 'agent', false), {
    code: 'unauthorized',
    message: /connection was closed/,
  })
})

test('a server beyond loopback starts with a key and an allowed host name, and nobody gets in without the key', async (t) => {
  const folders = makeFolders(t)
  await (await startTestServer(t, { folders, fake: 'well-behaved' })).close(0)
  const secret = await makeKey(folders)
  const config = { host: '0.0.0.0', port: 0 }
  await assert.rejects(startTestServer(t, { folders, config }), (error) => {
    assert.ok(error instanceof StartupError)
    assert.match(error.message, /set --allow-host/)
    return true
  })
  const server = await startTestServer(t, {
    folders,
    fake: 'well-behaved',
    config: { ...config, allowHosts: ['box.example'] },
  })
  const url = `http://127.0.0.1:${server.port}/v1/runs`
  assert.equal((await fetch(url)).status, 401)
  assert.equal((await fetch(url, { headers: { 'x-api-key': secret } })).status, 200)
})
