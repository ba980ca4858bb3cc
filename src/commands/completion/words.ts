// What can be typed at each point of the command line, read from the parser's own declarations: the words and options after each
// command, and the values that options take. Not for the syntax of any shell.
import type { Argument, Command, Option } from 'commander'

/** The value of an option or an argument: one of a list of words, a file, a folder, or something that a shell cannot know. */
export type Value = { kind: 'words'; words: readonly string[] } | { kind: 'file' | 'folder' | 'any' }

export type Word = { name: string; description: string }

/** `value` is null for a switch. Each spelling of an option is a flag of its own. */
export type Flag = Word & { value: Value | null }

/** A command, identified by the words that lead to it: empty for the program itself. */
export type CompletionPoint = { path: string; words: Word[]; flags: Flag[]; argument: Value | null }

export function readCompletionPoints(program: Command): CompletionPoint[] {
  return pointsOf(program, '')
}

function pointsOf(command: Command, path: string): CompletionPoint[] {
  const help = command.createHelp()
  const children = help.visibleCommands(command)
  const point: CompletionPoint = {
    path,
    words: children.flatMap((child) =>
      namesOf(child).map((name) => ({ name, description: shortened(child.description()) })),
    ),
    flags: help.visibleOptions(command).flatMap(flagsOf),
    argument: argumentOf(command.registeredArguments[0]),
  }
  const helpWord = children.find((child) => child.name() === 'help')
  const below = children
    .filter((child) => child !== helpWord)
    .flatMap((child) => namesOf(child).flatMap((name) => pointsOf(child, join(path, name))))
  return helpWord === undefined ? [point, ...below] : [point, ...below, helpPoint(point)]
}

const namesOf = (command: Command) => [command.name(), ...command.aliases()]

const join = (path: string, name: string) => (path === '' ? name : `${path} ${name}`)

/** `help` is followed by the name of a command. */
function helpPoint({ path, words }: CompletionPoint): CompletionPoint {
  return { path: join(path, 'help'), words: words.filter(({ name }) => name !== 'help'), flags: [], argument: null }
}

function flagsOf(option: Option): Flag[] {
  const { long, short, description, flags, argChoices } = option
  const value = option.required || option.optional ? kindOfValue(flags, argChoices) : null
  const spellings = [long, short].filter((name) => typeof name === 'string')
  return spellings.map((name) => ({ name, description: shortened(description), value }))
}

function argumentOf(argument: Argument | undefined): Value | null {
  return argument === undefined ? null : kindOfValue(`<${argument.name()}>`, argument.argChoices)
}

/** The placeholder in the help text shows what the value is. */
function kindOfValue(flags: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'words', words: choices }
  const [, name = ''] = /[<[]([\w-]+)/.exec(flags) ?? []
  if (name === 'folder') return { kind: 'folder' }
  return { kind: name === 'file' || name === 'path' ? 'file' : 'any' }
}

/** Without the variable and the default, which follow in parentheses. */
function shortened(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.replace(/ \((?:[^()]|\([^()]*\))*\)$/, '')
}

/** The key of a flag in the scripts: its command and its name. */
const flagKey = ({ path }: CompletionPoint, { name }: Flag) => `${path}/${name}`

/** Every flag that takes a value. */
export function valueFlags(points: readonly CompletionPoint[]): { key: string; value: Value }[] {
  return points.flatMap((point) =>
    point.flags.flatMap((flag) => (flag.value === null ? [] : [{ key: flagKey(point, flag), value: flag.value }])),
  )
}

/** Every word that leads from one command to another. */
export function transitions(points: readonly CompletionPoint[]): { from: string; to: string }[] {
  const known = new Set(points.map(({ path }) => path))
  return points.flatMap(({ path, words }) =>
    words.map(({ name }) => ({ from: `${path}/${name}`, to: join(path, name) })).filter(({ to }) => known.has(to)),
  )
}

/** Quotes for a POSIX shell. */
export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** `'a'|'b'`: a pattern that matches any of them. */
export const patterns = (names: readonly string[]) => names.map(quote).join('|')
