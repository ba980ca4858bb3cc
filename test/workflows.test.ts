// What GitHub reads (.github/) and what CI runs (.ci/run): the files parse, do what the documents promise, and hold no more rights than
// they need. Whether GitHub accepts them is only seen there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const namesIn = (folder: string) => readdirSync(join(root, folder)).sort()

const manifest = z
  .object({ version: z.string(), engines: z.object({ node: z.string() }) })
  .parse(JSON.parse(read('package.json')))

const permissions = z.record(z.string(), z.enum(['read', 'write', 'none']))
const step = z.strictObject({
  name: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  run: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
})
const job = z.strictObject({
  name: z.string().optional(),
  'runs-on': z.string(),
  'timeout-minutes': z.int().max(60),
  environment: z.string().optional(),
  permissions: permissions.optional(),
  strategy: z.strictObject({ 'fail-fast': z.boolean(), matrix: z.record(z.string(), z.array(z.string())) }).optional(),
  steps: z.array(step),
})
const workflow = z.strictObject({
  name: z.string(),
  on: z.record(z.string(), z.unknown()),
  permissions,
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean() }),
  jobs: z.record(z.string(), job),
})

const workflowNames = ['ci.yml', 'claude.yml', 'release.yml'] as const
const workflows = Object.fromEntries(
  workflowNames.map((name) => [name, workflow.parse(parse(read(`.github/workflows/${name}`)))]),
) as Record<(typeof workflowNames)[number], z.infer<typeof workflow>>

const jobsOf = (name: (typeof workflowNames)[number]) => Object.values(workflows[name].jobs)
const stepsOf = (name: (typeof workflowNames)[number]) => jobsOf(name).flatMap(({ steps }) => steps)
const runsOf = (name: (typeof workflowNames)[number]) => stepsOf(name).flatMap(({ run }) => run ?? [])

test('there are no workflows but these', () => {
  assert.deepEqual(namesIn('.github/workflows'), [...workflowNames])
})

for (const name of workflowNames) {
  test(`${name} pins every action to a version, and leaves no token behind`, () => {
    const uses = stepsOf(name).flatMap((each) => each.uses ?? [])
    assert.ok(uses.length > 0)
    for (const action of uses) assert.match(action, /^[\w-]+\/[\w-]+@(v\d+(\.\d+)*|[0-9a-f]{40})$/)
    for (const { uses: action, with: inputs } of stepsOf(name))
      if (action?.startsWith('actions/checkout@')) assert.equal(inputs?.['persist-credentials'], false)
  })

  test(`${name} runs scripts of this repository that can be run`, () => {
    const scripts = runsOf(name).flatMap((line) => /^(?:\.ci|scripts)\/\S+/.exec(line) ?? [])
    assert.equal(scripts.length, 1)
    for (const script of scripts) accessSync(join(root, script), constants.X_OK)
  })
}

test('CI runs .ci/run on the oldest and the current Node, on both systems, with nothing but the right to read', () => {
  const { on, jobs, permissions: rights } = workflows['ci.yml']
  assert.deepEqual(Object.keys(on).sort(), ['pull_request', 'push', 'workflow_dispatch'])
  assert.deepEqual(rights, { contents: 'read' })
  const [only, ...others] = Object.values(jobs)
  assert.deepEqual([others, only?.permissions], [[], undefined])
  const { matrix } = only?.strategy ?? assert.fail('no matrix')
  assert.deepEqual(matrix, { os: ['ubuntu-latest', 'macos-latest'], node: ['22.18', '24'] })
  assert.equal(only?.['runs-on'], `\${{ matrix.os }}`)
  assert.equal(manifest.engines.node, `>=${matrix.node?.[0]}`)
  // Without --path-node, the tests would run on the pinned Node in every row.
  assert.deepEqual(runsOf('ci.yml'), ['.ci/run --path-node'])
  const setup = stepsOf('ci.yml').find(({ uses }) => uses?.startsWith('actions/setup-node@'))
  assert.equal(setup?.with?.['node-version'], `\${{ matrix.node }}`)
})

test('a release is published by scripts/publish.sh from a tag, may sign, and can write nothing', () => {
  const { on, permissions: rights, concurrency } = workflows['release.yml']
  assert.deepEqual(on, { push: { tags: ['v*'] } })
  assert.deepEqual([rights, concurrency['cancel-in-progress']], [{}, false])
  const [only, ...others] = jobsOf('release.yml')
  assert.deepEqual([others, only?.permissions], [[], { contents: 'read', 'id-token': 'write' }])
  assert.equal(runsOf('release.yml')[1], 'scripts/publish.sh')
  for (const line of runsOf('release.yml')) assert.doesNotMatch(line, /npm publish|\$\{\{/)
  const withSecret = stepsOf('release.yml').filter((each) => JSON.stringify(each).includes('secrets.'))
  assert.deepEqual(
    withSecret.map(({ run }) => run),
    ['scripts/publish.sh'],
  )
})

type Outcome = { code: number; stdout: string; stderr: string }

function bash(words: readonly string[], cwd: string, env: Record<string, string>): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile('/bin/bash', words, { cwd, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-workflows-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a release whose tag is not the version in package.json stops before anything is published', async (t) => {
  const [check = ''] = runsOf('release.yml')
  const bin = temporaryFolder(t)
  symlinkSync(process.execPath, join(bin, 'node'))
  const tag = (name: string) => bash(['-e', '-c', check], root, { PATH: bin, HOME: bin, GITHUB_REF_NAME: name })
  assert.deepEqual(await tag(`v${manifest.version}`), { code: 0, stdout: '', stderr: '' })
  for (const name of ['v999.0.0', manifest.version, `v${manifest.version}-1`]) {
    const { code, stdout } = await tag(name)
    assert.equal(code, 1, name)
    assert.match(stdout, /^::error::The tag is /)
  }
})

/** Stands for npm: `npm ci` installs a pinned Node that only says so. */
const fakeNpm = `#!/bin/bash
echo "npm $*"
if [ "$1" = ci ]; then
  mkdir -p node_modules/.bin
  printf '#!/bin/bash\\necho pinned\\n' >node_modules/.bin/node
  chmod +x node_modules/.bin/node
fi
if [ "$1" = test ] || [ "$2" = test:extended ]; then PATH="$PWD/node_modules/.bin:$PATH" node -p '"on " + process.version'; fi
`

/** Runs .ci/run on a system with an npm, a Node and nothing that could install more. */
function runCi(t: TestContext, ...words: string[]): Promise<Outcome> {
  const work = temporaryFolder(t)
  const bin = join(work, 'bin')
  mkdirSync(bin)
  cpSync(join(root, '.ci'), join(work, '.ci'), { recursive: true })
  symlinkSync(process.execPath, join(bin, 'node'))
  for (const name of ['bash', 'chmod', 'dirname', 'mkdir', 'rm']) {
    const program = [`/bin/${name}`, `/usr/bin/${name}`].find((path) => existsSync(path)) ?? assert.fail(name)
    symlinkSync(program, join(bin, name))
  }
  writeFileSync(join(bin, 'npm'), fakeNpm, { mode: 0o755 })
  return bash([join(work, '.ci/run'), ...words], tmpdir(), { PATH: bin, HOME: work })
}

test('.ci/run continues on a system without apt-get, says what it lacks, and tests on the pinned Node', async (t) => {
  const { code, stdout, stderr } = await runCi(t)
  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /^npm ci\nTesting on Node pinned, pinned\n[\s\S]*npm test\npinned\nnpm run test:extended\npinned\n$/,
  )
  const missing = [...stderr.matchAll(/^There is no (\w+) here, and no apt-get to install it/gm)].map(
    ([, name]) => name,
  )
  assert.deepEqual(missing, ['zsh', 'fish'])
})

test('.ci/run --path-node tests on the Node of PATH', async (t) => {
  const { code, stdout } = await runCi(t, '--path-node')
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^Testing on Node ${process.version}, `, 'm'))
  assert.equal(stdout.match(new RegExp(`^on ${process.version}$`, 'gm'))?.length, 2)
  assert.doesNotMatch(stdout, /pinned/)
})

test('.ci/run refuses other words before it does anything', async (t) => {
  assert.deepEqual(await runCi(t, '--path-nodes'), { code: 2, stdout: '', stderr: 'usage: .ci/run [--path-node]\n' })
})

const attributes = { label: z.string().min(1), description: z.string().optional() }
const id = z.string().regex(/^[\w-]+$/)
const validations = z.strictObject({ required: z.boolean() }).optional()
const element = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('markdown'), attributes: z.strictObject({ value: z.string().min(1) }) }),
  z.strictObject({ type: z.literal('input'), id, attributes: z.strictObject(attributes), validations }),
  z.strictObject({
    type: z.literal('textarea'),
    id,
    attributes: z.strictObject({ ...attributes, render: z.string().optional() }),
    validations,
  }),
])
const form = z.strictObject({
  name: z.string().min(4),
  description: z.string().min(4),
  labels: z.array(z.string()).min(1),
  body: z.array(element).min(1),
})

test('there are no templates but these', () => {
  assert.deepEqual(namesIn('.github/ISSUE_TEMPLATE'), ['bug.yml', 'config.yml', 'feature.yml'])
})

for (const file of ['bug.yml', 'feature.yml']) {
  test(`${file} is a form that GitHub can show, and asks for something`, () => {
    const { body } = form.parse(parse(read(`.github/ISSUE_TEMPLATE/${file}`)))
    const fields = body.filter((each) => each.type !== 'markdown')
    assert.ok(fields.some((each) => each.validations?.required))
    for (const names of [fields.map((each) => each.id), fields.map((each) => each.attributes.label)])
      assert.equal(new Set(names).size, names.length)
  })
}

test('vulnerabilities are kept out of public issues', () => {
  const [first] = form.parse(parse(read('.github/ISSUE_TEMPLATE/bug.yml'))).body
  assert.ok(first?.type === 'markdown')
  const way = 'Security → Report a vulnerability'
  assert.ok(first.attributes.value.includes(way))
  assert.ok(read('SECURITY.md').includes(way))
  assert.deepEqual(parse(read('.github/ISSUE_TEMPLATE/config.yml')), { blank_issues_enabled: false })
  assert.match(read('.github/pull_request_template.md'), /SECURITY\.md/)
})

test('the template for pull requests names what CONTRIBUTING.md requires', () => {
  const boxes = read('.github/pull_request_template.md').match(/^- \[ \] .+$/gm) ?? []
  for (const what of ['test fails without', '`npm test`', '`CHANGELOG.md`', '`npm run docs`', '`docs/decisions`'])
    assert.equal(boxes.filter((line) => line.includes(what)).length, 1, what)
})
