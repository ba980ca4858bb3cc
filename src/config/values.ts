// Schemas for the values of settings: numbers, durations, sizes, names, files and folders. Each accepts what a flag, a
// variable or a JSON file can contain. Which setting uses which schema is in config/options.ts.

import { realpathSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { resolvePath, userFolders } from './sources.ts'

/** The bases for relative paths and `~`. */
export type BaseFolders = { cwd: string; home: string }

const mebibyte = 1024 * 1024

export const text = z.string().trim().min(1)

export const switchValue = z.union([
  z.boolean(),
  z.stringbool({ truthy: ['true', '1', 'on'], falsy: ['false', '0', 'off'] }),
])

export function integer(min: number, max: number) {
  const digits = z
    .string()
    .regex(/^\s*\d{1,15}\s*$/)
    .transform(Number)
  return z.union([z.number(), digits]).pipe(z.number().int().min(min).max(max))
}

const durationUnits = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
// Timers cannot exceed 2^31 - 1 ms: longer ones fire at once. This is the largest number of whole days below that.
const durationMaxMs = 24 * 24 * durationUnits.h

export function duration(min: number) {
  return quantity(durationUnits, durationUnits.s, min, durationMaxMs)
}

const sizeUnits = { gb: 1024 * mebibyte, mb: mebibyte, kb: 1024, b: 1 }
// A body becomes one string, and V8's longest is just under 512 MB.
export const size = quantity(sizeUnits, sizeUnits.b, sizeUnits.kb, 256 * mebibyte)

function quantity(units: Record<string, number>, plainUnit: number, min: number, max: number) {
  const spelling = new RegExp(`^\\s*(\\d{1,12}(?:\\.\\d{1,6})?)\\s*(${Object.keys(units).join('|')})?\\s*$`, 'i')
  const toNumber = (value: string | number): number => {
    if (typeof value === 'number') return Math.round(value * plainUnit)
    const [, count, unit] = spelling.exec(value) ?? []
    return Math.round(Number(count) * (unit === undefined ? plainUnit : (units[unit.toLowerCase()] ?? Number.NaN)))
  }
  return z.union([z.number(), z.string()]).transform(toNumber).pipe(z.number().int().min(min).max(max))
}

export function showDuration(milliseconds: number): string {
  return showQuantity(milliseconds, durationUnits)
}

export function showSize(bytes: number): string {
  return showQuantity(bytes, sizeUnits)
}

/** In the largest unit that divides the count. */
function showQuantity(count: number, units: Record<string, number>): string {
  const [unit, factor] = Object.entries(units).find(([, each]) => count >= each && count % each === 0) ?? ['', 1]
  return `${count / factor}${unit}`
}

export const hostName = text.toLowerCase().regex(/^(?!.*\.\.)(?:[a-z0-9_][a-z0-9_.-]{0,252}|\[[0-9a-f:.]{2,45}\])$/)

/** A scheme, a host and an optional port, and nothing else: exactly what a browser sends as Origin. */
export const origin = text.toLowerCase().regex(/^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/)

export const modelPair = text.transform((pair, issues): [string, string] => {
  const [from = '', to = '', ...rest] = pair.split('=').map((part) => part.trim())
  if (from === '' || to === '' || rest.length > 0) issues.addIssue('give pairs such as gpt-4o=sonnet')
  return [from, to]
})

export function executable({ cwd, home }: BaseFolders) {
  return text.transform((value, issues) => {
    if (!/[/\\]/.test(value)) return value // A command name, looked up on PATH when it is started.
    const file = resolvePath(value, cwd, home)
    if (!statOf(file)?.isFile()) issues.addIssue('give the path of an existing file')
    return file
  })
}

export function folder({ cwd, home }: BaseFolders) {
  return text.transform((value, issues) => {
    const resolved = resolvePath(value, cwd, home)
    if (!statOf(resolved)?.isDirectory()) issues.addIssue('give an existing folder')
    return resolved
  })
}

/** Links are resolved, so that a link cannot smuggle in the home directory. */
export function rootFolder(context: BaseFolders) {
  return folder(context).transform((value, issues) => {
    const root = realPath(value)
    const homes = [context.home, userFolders({}).home].map(realPath)
    if (path.parse(root).root === root || homes.some((home) => contains(root, home))) {
      issues.addIssue('give folders that do not contain the whole disk or the home directory')
    }
    return root
  })
}

function realPath(value: string): string {
  return statOf(value) === null ? path.resolve(value) : realpathSync(value)
}

/** The file's status, or null: for a setting, missing, unreadable and impossible paths are the same. */
function statOf(value: string): Stats | null {
  try {
    return statSync(value)
  } catch {
    return null
  }
}

function contains(folderPath: string, other: string): boolean {
  const relative = path.relative(folderPath, other)
  return relative === '' || !(relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative))
}
