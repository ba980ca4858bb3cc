// A server whose data folder is a small file system of its own, which can be filled. Needs the right to mount one as an ordinary user.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startUpstream } from '../../src/demo/upstream.ts'
import { noteExamined } from '../helpers/abilities.ts'
import { compileCache } from '../helpers/compile-cache.ts'
import { makeFolders, testEnvironment } from '../helpers/test-server.ts'
import { listening } from './killed-scene.ts'

const program = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const asOwnRoot = ['--user', '--map-root-user', '--mount']
const canMount = spawnSync('unshare', [...asOwnRoot, 'sh', '-c', 'mount -t tmpfs none /mnt'], { env: {} }).status === 0
export const diskTest = { skip: canMount ? false : 'no file system can be mounted here' }

/** A server whose data folder has 4 MB of its own. `disk` is that folder as seen from here. */
export async function startOnDisk(t: Pick<TestContext, 'after'>, ...flags: string[]) {
  const folders = makeFolders(t)
  mkdirSync(folders.dataDir, { recursive: true })
  noteExamined(folders.root, flags)
  const upstream = await startUpstream({ keep: 1000 })
  const script =
    'mount -t tmpfs -o size=4m,mode=700 none "$1" && cp "$1/../claude-abilities.json" "$1" && shift && exec "$@"'
  const serve = [process.execPath, program, 'serve', '--port=0', '--warm=0', `--data-dir=${folders.dataDir}`]
  const child = spawn(
    'unshare',
    [...asOwnRoot, 'sh', '-c', script, 'sh', folders.dataDir, ...serve, `--default-cwd=${folders.cwd}`, ...flags],
    {
      cwd: folders.cwd,
      env: { ...testEnvironment(folders, upstream.url), ...compileCache },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.after(async () => {
    await stop(child)
    await upstream.close()
  })
  return { url: await listening(child), upstream, disk: `/proc/${child.pid}/root${folders.dataDir}` }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** Leaves no room at all. */
export function fill(disk: string): string {
  const file = join(disk, 'filler')
  const { bavail, bsize } = statfsSync(disk)
  try {
    writeFileSync(file, Buffer.alloc(bavail * bsize + 1))
  } catch {
    // As much as there was room for has been written.
  }
  return file
}

/** The status of a run in a copy of the database: SQLite follows links, and there is none into the server's file system. */
export function storedStatus(disk: string, id: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-copy-'))
  try {
    for (const name of ['claude-serve.db', 'claude-serve.db-wal']) copyFileSync(join(disk, name), join(folder, name))
    const db = new DatabaseSync(join(folder, 'claude-serve.db'))
    try {
      return db.prepare('SELECT status FROM runs WHERE id = ?').get(id)?.status
    } finally {
      db.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
