// Which folders a request may name: links, dots, look-alike names and files; and that errors reveal nothing about what
// is outside.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import { resolveFolder } from '../../src/platform/allowed-folders.ts'

const base = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-folders-')))
after(() => rmSync(base, { recursive: true }))
const pathOf = (path: string) => `${base}/${path}`
const root = pathOf('a/root')
for (const folder of ['a/root/in/deep', 'a/root/..dots', 'a/rootevil', 'a/root2/sub', 'out/secret'])
  mkdirSync(pathOf(folder), { recursive: true })
for (const file of ['a/root/file', 'out/file']) writeFileSync(pathOf(file), '')
for (const [target, link] of [
  ['a/root/in', 'a/root/link-in'],
  ['out', 'a/root/link-out'],
  ['a', 'a/root/link-up'],
  ['a/root/file', 'a/root/link-file'],
  ['a/root/nowhere', 'a/root/link-broken'],
  ['out/gone', 'a/root/link-gone'],
  ['a/root/link-gone', 'a/root/link-link'],
  ['a/root', 'link-root'],
  ['a/root/in', 'out/link-back'],
] as const)
  symlinkSync(pathOf(target), pathOf(link))
symlinkSync('link-loop', pathOf('a/root/link-loop'))

async function resolveError(path: string, roots: readonly string[] | null): Promise<AppError> {
  try {
    assert.fail(`it was resolved to ${await resolveFolder(path, roots, 'cwd')}`)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.details.field, 'cwd')
    assert.match(error.message, /^cwd /)
    return error
  }
}

const allowed: [path: string, real: string][] = [
  [root, root],
  [`${root}/`, root],
  [`${root}/.`, root],
  [`${root}//in`, `${root}/in`],
  [`${root}/in/deep/../..`, root],
  [`${root}/../root/in`, `${root}/in`],
  [`${root}/..dots`, `${root}/..dots`],
  [`${root}/link-in/deep`, `${root}/in/deep`],
  [`${root}/link-up/root/in`, `${root}/in`],
  [pathOf('link-root'), root],
  [pathOf('link-root/in'), `${root}/in`],
  [pathOf('out/link-back'), `${root}/in`],
]
for (const [path, real] of allowed) {
  test(`${path.replace(base, '')} is within the root`, async () => {
    assert.equal(await resolveFolder(path, [root], 'cwd'), real)
    assert.equal(await resolveFolder(path, [pathOf('a/root2'), root], 'cwd'), real)
    assert.equal(await resolveFolder(path, null, 'cwd'), real)
  })
}

const outside = [
  ...['', '/a', '/a/rootevil', '/a/root2', '/a/root2/sub', '/out', '/out/file', '/a/root/..', '/a/root/../rootevil'],
  ...[
    '/a/root/link-out',
    '/a/root/link-out/secret',
    '/a/root/link-out/file',
    '/a/root/link-up',
    '/a/root/link-up/rootevil',
  ],
  ...['/missing', '/a/missing', '/a/rootmissing', '/a/root/../missing', '/a/root/in/../../missing'],
].map((path) => `${base}${path}`)
for (const path of [...outside, '/', '/etc', '/etc/passwd', '/no-such-folder']) {
  test(`${path.replace(base, '') || 'the folder above'} is outside the root, and the error reveals nothing more`, async () => {
    const { code, message, details } = await resolveError(path, [root])
    assert.equal(code, 'cwd_not_allowed')
    assert.equal(
      message,
      'cwd is not within a folder that this server allows; start the server with --cwd-root to allow it',
    )
    assert.deepEqual(details, { field: 'cwd' })
  })
}

test('the error for a link that leads outside is the same whether its target exists or not', async () => {
  const existing = await resolveError(`${root}/link-out/secret`, [root])
  for (const path of ['link-out/missing', 'link-gone', 'link-gone/below', 'link-link']) {
    const missing = await resolveError(`${root}/${path}`, [root])
    assert.deepEqual([missing.code, missing.message], [existing.code, existing.message], path)
  }
})

for (const path of ['missing', 'in/missing', 'file', 'file/x', 'link-file', 'link-broken', 'link-loop']) {
  test(`${path} within the root is not an existing folder`, async () => {
    for (const roots of [[root], null]) {
      const { code, message } = await resolveError(`${root}/${path}`, roots)
      assert.equal(code, 'cwd_not_found')
      assert.ok(message.includes(JSON.stringify(`${root}/${path}`)), message)
    }
  })
}

for (const path of ['', '.', '..', 'in', './in', '~', '~/x', 'C:\\in', 'file:///tmp']) {
  test(`${JSON.stringify(path)} is not an absolute path`, async () => {
    for (const roots of [[root], null]) assert.equal((await resolveError(path, roots)).code, 'invalid_request')
  })
}

test('if no folder is allowed, every folder is refused', async () => {
  assert.equal((await resolveError(root, [])).code, 'cwd_not_allowed')
})

test('a root of / allows everything', async () => {
  assert.equal(await resolveFolder(root, ['/'], 'cwd'), root)
  assert.equal((await resolveError(`${root}/missing`, ['/'])).code, 'cwd_not_found')
})

test('the error names the field', async () => {
  await assert.rejects(resolveFolder('x', null, 'add_dirs[3]'), { message: /^add_dirs\[3\] must be an absolute path/ })
})
