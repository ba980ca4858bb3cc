// What the source must not contain: shells, code made from strings, outgoing calls, memory dumps. And what the dependencies bring along.
// Each title begins with the number of its attack.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** The source files without their comments. */
const sources = readdirSync(join(repository, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
  .map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return { file: relative(repository, path), code: withoutComments(readFileSync(path, 'utf8')) }
  })

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$|\s\/\/\s.*$/gm, '')
}

/** The lines that match, with their files. */
function linesWith(pattern: RegExp, isIncluded: (file: string) => boolean = () => true): string[] {
  return sources
    .filter(({ file }) => isIncluded(file))
    .flatMap(({ file, code }) =>
      code
        .split('\n')
        .filter((line) => pattern.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
}

test('P15 the sources are found, and a pattern is found in them', () => {
  assert.ok(sources.length > 100, String(sources.length))
  assert.ok(linesWith(/\bspawn\(/).length > 0)
  const code = withoutComments('a // eval(x)\n/* eval(y)\n */\n  // eval(z)\nconst u = "http://x"')
  assert.deepEqual(
    code.split('\n').filter((line) => line !== ''),
    ['a', 'const u = "http://x"'],
  )
})

/** `RegExp.exec` is a method, so it follows a dot. */
const forbidden: [what: string, pattern: RegExp][] = [
  [
    'a shell',
    /\bshell\s*:\s*(?:true|['"`]|process)|['"`]\/bin\/\w*sh\b|\b(?:spawn|execFile)\s*\(\s*['"`]\w*sh['"`]|cmd\.exe|powershell/i,
  ],
  [
    'exec and its kind',
    /(?<![.\w])exec(?:Sync|FileSync)?\s*\(|\b(?:execSync|execFileSync|spawnSync)\b|\bfork\s*\(\s*['"`./]/,
  ],
  ['code made from text', /\beval\s*\(|new\s+Function\b|\bFunction\s*\(\s*['"`]|node:vm|['"]vm['"]|\bimport\(\s*`/],
  ['timers that take code', /set(?:Timeout|Interval|Immediate)\s*\(\s*['"`]/],
  ['internal parts of Node', /process\.(?:binding|dlopen)|_linkedBinding/],
  [
    'dumps and debuggers',
    /writeHeapSnapshot|getHeapSnapshot|NearHeapLimit|node:inspector|process\.report\.(?!getReport)|startupSnapshot/,
  ],
  ['writes to prototypes', /__proto__\s*[\]=:]|setPrototypeOf/],
  ['TLS that takes any certificate', /rejectUnauthorized|NODE_TLS_REJECT_UNAUTHORIZED\s*=/],
]
for (const [what, pattern] of forbidden) {
  test(`P15 the source contains no use of ${what}`, () => {
    assert.deepEqual(linesWith(pattern), [])
  })
}

/** Commands are clients of a running server and start programs for their user; the demo's model is a server of its own. */
const isServer = (file: string) => !file.startsWith(join('src', 'commands')) && !file.startsWith(join('src', 'demo'))

test('P15 processes are started with a program and a list of arguments, by the server in three files', () => {
  const imports = linesWith(/node:child_process/)
  for (const line of imports)
    assert.match(line, /import \{ (?:type ChildProcess, )?(?:spawn|execFile) \} from 'node:child_process'$/)
  const files = imports.map((line) => line.split(':')[0] ?? '').filter(isServer)
  assert.deepEqual(files.toSorted(), [
    join('src', 'claude', 'cli', 'program-output.ts'),
    join('src', 'claude', 'process', 'cli-process.ts'),
    join('src', 'claude', 'process', 'process-tree.ts'),
  ])
})

test('P15 the server makes no outgoing calls: it fetches no address and opens no connection', () => {
  const calls =
    /(?<![.\w#])fetch\s*\(|node:(?:https|http2|tls|dgram|dns)|['"](?:undici|axios|got)['"]|\bhttps?\.(?:get|request)\s*\(|net\.(?:connect|createConnection)|new\s+(?:WebSocket|EventSource|XMLHttpRequest)\b/
  assert.deepEqual(linesWith(calls, isServer), [])
  const imported = linesWith(/from 'node:(?:http|net)'/, isServer)
  assert.ok(imported.length > 0)
  for (const line of imported) assert.doesNotMatch(line, /\b(?:request|get|connect|createConnection|Agent)\b[ ,}]/)
})

test('P15 only traces are sent, by a module that is loaded only if the operator has named a collector', () => {
  const exporting = linesWith(/@opentelemetry\//, isServer).map((line) => line.split(':')[0])
  assert.deepEqual([...new Set(exporting)], [join('src', 'observability', 'tracing.ts')])
  const loading = linesWith(/observability\/tracing\.ts/).filter((line) => !/\bimport type\b/.test(line))
  assert.deepEqual(loading, [
    `${join('src', 'server.ts')}: const { startTracing } = await import('./observability/tracing.ts')`,
  ])
  const [{ code = '' } = {}] = sources.filter(({ file }) => file === join('src', 'server.ts'))
  assert.match(code, /if \(url === ''\) return null\s+const \{ startTracing \} = await import/)
})

test('P15 only the settings read the environment of the process', () => {
  // A template of the code that `launch` prints is not a read.
  const files = new Set(linesWith(/process\.env\b(?!\.\$\{)/).map((line) => line.split(':')[0]))
  assert.deepEqual([...files], [join('src', 'config', 'load.ts')])
})

type Manifest = {
  scripts: Record<string, string>
  allowScripts: Record<string, boolean>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
type Locked = { version?: string; resolved?: string; integrity?: string; link?: boolean; hasInstallScript?: boolean }

const read = <T>(name: string) => JSON.parse(readFileSync(join(repository, name), 'utf8')) as T
const manifest = read<Manifest>('package.json')
const lock = read<{ lockfileVersion: number; packages: Record<string, Locked> }>('package-lock.json')
const locked = Object.entries(lock.packages).filter(([path]) => path !== '')

test('P15 installing the package runs no script of its own', () => {
  const onInstall = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'prepublish']
  for (const name of onInstall) assert.equal(manifest.scripts[name], undefined, name)
  for (const [name, script] of Object.entries(manifest.scripts))
    assert.doesNotMatch(script, /\b(?:curl|wget|npx|npm (?:i|install|add|exec))\b|https?:/, name)
})

test('P15 every dependency is locked, with its checksum, from the public registry', () => {
  assert.ok(lock.lockfileVersion >= 3)
  assert.ok(locked.length > 100)
  for (const [path, { resolved, integrity, link }] of locked) {
    assert.ok(link !== true, path)
    assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path)
    assert.match(resolved ?? 'https://registry.npmjs.org/', /^https:\/\/registry\.npmjs\.org\//, path)
  }
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }))
    assert.ok(lock.packages[`node_modules/${name}`], name)
})

test('P15 only listed dependencies may run a script when they are installed', () => {
  const running = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path)
  const named = Object.entries(manifest.allowScripts)
  assert.deepEqual(
    running,
    named.map(([name]) => `node_modules/${name}`),
  )
  // esbuild only tests its program, and works without.
  assert.deepEqual(
    named.flatMap(([name, isAllowed]) => (isAllowed ? name : [])),
    ['node'],
  )
  for (const path of running) assert.ok(!(path.replace('node_modules/', '') in manifest.dependencies), path)
})

test('P07 no start command of the server enables dumps, reports or a debugger', () => {
  const [shebang = ''] = readFileSync(join(repository, 'src', 'cli.ts'), 'utf8').split('\n')
  for (const text of [manifest.scripts.start ?? '', shebang])
    assert.doesNotMatch(text, /inspect|heap|report|prof|diagnostic|trace/)
})
