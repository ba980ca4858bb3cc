// In plan mode the CLI reads files anywhere without a permission prompt, unlike in any other mode. This hook makes it
// behave as in the others: reading outside the working folders needs permission, which is denied if nobody can answer.
import { dirname, join, resolve } from 'node:path'
import type { HookCallback, Options } from '@anthropic-ai/claude-agent-sdk'
import { isWithin, realPathSoFar } from '../../platform/allowed-folders.ts'
import type { Profile } from './profile.ts'

const readers = 'Read|Grep|Glob|LS|NotebookRead'

/** Where the CLI stores plans and the long outputs of tools. */
const ownFolders = ['plans', 'projects']

type ReaderInput = { file_path?: unknown; notebook_path?: unknown; path?: unknown; pattern?: unknown }

/** The CLI's tools accept `~` as the home folder. */
const isHome = (path: string) => path.startsWith('~')

/** The folder that a pattern searches: the one before its first special character. */
const rootOf = (pattern: string) => dirname(`${pattern.replace(/[*?[{].*$/s, '')}x`)

function pathsToRead(
  toolName: string,
  cwd: string,
  { file_path, notebook_path, path, pattern }: ReaderInput,
): string[] {
  const named = [file_path, notebook_path, path]
    .filter((each) => typeof each === 'string')
    .map((each) => (isHome(each) ? each : resolve(cwd, each)))
  if (toolName !== 'Glob' || typeof pattern !== 'string') return named
  return [...named, resolve(named[0] ?? cwd, rootOf(pattern))]
}

const askOutsideFolders =
  ({ cwd, addDirs }: Profile, configDir: string): HookCallback =>
  async (input) => {
    if (input.hook_event_name !== 'PreToolUse') return {}
    const folders = [cwd, ...(addDirs ?? []), ...ownFolders.map((name) => join(configDir, name))]
    for (const path of pathsToRead(input.tool_name, cwd, (input.tool_input ?? {}) as ReaderInput)) {
      const real = await realPathSoFar(path)
      if (!isHome(path) && folders.some((folder) => isWithin(real, folder))) continue
      const permissionDecisionReason = `${path} is outside of the working folder`
      return {
        hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'ask', permissionDecisionReason },
      }
    }
    return {}
  }

export function planOptions(profile: Profile, configDir: string): Options {
  if (profile.plain || profile.permissionMode !== 'plan') return {}
  return { hooks: { PreToolUse: [{ matcher: readers, hooks: [askOutsideFolders(profile, configDir)] }] } }
}
