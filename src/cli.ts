#!/usr/bin/env node
// The executable: checks Node's version, runs the program, and sets the exit code (0 success, 1 failure, 2 wrong usage).
// It imports nothing before that check, and uses only syntax that an old Node can parse. Not for the commands (see commands/program.ts).

const oldestNode: [major: number, minor: number] = [22, 18]

function isOldNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
}

/** Node 22 warns that SQLite is experimental, in words that mean nothing to a user. Other warnings stay. */
function hideSqliteWarning(): void {
  const emit = process.emitWarning
  process.emitWarning = function (this: unknown, warning: string | Error, ...rest: unknown[]): void {
    const text = typeof warning === 'string' ? warning : warning.message
    if (!text.startsWith('SQLite is an experimental feature')) Reflect.apply(emit, process, [warning, ...rest])
  }
}

/** Caches the compiled form of our files between starts, which halves the startup time. Only the owner can access the cache. */
async function enableCodeCache(): Promise<void> {
  const [{ enableCompileCache }, { chmodSync, mkdirSync }, { homedir }, { join }] = await Promise.all([
    import('node:module'),
    import('node:fs'),
    import('node:os'),
    import('node:path'),
  ])
  const folder = join(homedir(), '.cache', 'claude-serve')
  try {
    // Node executes what is in this folder.
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    enableCompileCache(join(folder, 'compiled'))
  } catch {
    // Without the cache, startup only takes longer.
  }
}

async function main(): Promise<number> {
  hideSqliteWarning()
  await enableCodeCache()
  const { runProgram } = await import('./commands/program.ts')
  return runProgram()
}

/** Sets the exit code instead of exiting, so that pending output is written; whatever keeps the process alive gets one second. */
function exit(code: number): void {
  process.exitCode = code
  setTimeout(() => process.exit(code), 1000).unref()
}

if (isOldNode(process.versions.node)) {
  process.stderr.write(
    `claude-serve requires Node ${oldestNode.join('.')} or newer, but this is ${process.versions.node}: ` +
      'install a newer version from https://nodejs.org\n',
  )
  process.exitCode = 1
} else {
  main().then(exit, (error: unknown) => {
    process.stderr.write(`claude-serve: ${error instanceof Error ? error.message : String(error)}\n`)
    exit(1)
  })
}
