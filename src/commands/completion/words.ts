// What can be typed where, read from the command line's own list: the words and options after each command, and what an option takes.
// Not for any shell's way of writing it.
import type { Argument, Command, Option } from 'commander'

/** What follows an option or stands as an argument: one of some words, a file, a folder, or what no shell can know. */
export type Value = { kind: 'words'; words: readonly string[] } | { kind: 'file' | 'folder' | 'any' }

export type Word = { name: string; description: string }

/** `value` is null for a switch. Each of its spellings is one. */
export type Flag = Word & { value: Value | null }

/** A command, named by the words that lead to it; none for the program itself. */
export type CompletionPoint = { at: string; words: Word[]; flags: Flag[]; argument: Value | null }

export function readCompletionPoints(program: Command): CompletionPoint[] {
  return placesOf(program, '')
}

function placesOf(command: Command, at: string): CompletionPoint[] {
  const help = command.createHelp()
  const children = help.visibleCommands(command)
  const place: CompletionPoint = {
    at,
    words: children.map((child) => ({ name: child.name(), description: shortened(child.description()) })),
    flags: help.visibleOptions(command).flatMap(flagsOf),
    argument: argumentOf(command.registeredArguments[0]),
  }
  const helpWord = children.find((child) => child.name() === 'help')
  const below = children
    .filter((child) => child !== helpWord)
    .flatMap((child) => placesOf(child, join(at, child.name())))
  return helpWord === undefined ? [place, ...below] : [place, ...below, helpPlace(place)]
}

const join = (at: string, name: string) => (at === '' ? name : `${at} ${name}`)

/** After `help` comes the name of a command. */
function helpPlace({ at, words }: CompletionPoint): CompletionPoint {
  return { at: join(at, 'help'), words: words.filter(({ name }) => name !== 'help'), flags: [], argument: null }
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

/** Help's own word for a value tells what it is. */
function kindOfValue(flags: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'words', words: choices }
  const [, name = ''] = /[<[]([\w-]+)/.exec(flags) ?? []
  if (name === 'folder') return { kind: 'folder' }
  return { kind: name === 'file' || name === 'path' ? 'file' : 'any' }
}

/** Without the variable and the default, which stand in brackets behind it. */
function shortened(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.replace(/ \((?:[^()]|\([^()]*\))*\)$/, '')
}

/** The name of a flag with the place where it can stand, as the scripts know it. */
export const flagKey = ({ at }: CompletionPoint, { name }: Flag) => `${at}/${name}`

/** Every flag that takes a value, with its place. */
export function valueFlags(places: readonly CompletionPoint[]): { key: string; value: Value }[] {
  return places.flatMap((place) =>
    place.flags.flatMap((flag) => (flag.value === null ? [] : [{ key: flagKey(place, flag), value: flag.value }])),
  )
}

/** Every word that leads to another place: from where, and to which. */
export function steps(places: readonly CompletionPoint[]): { from: string; to: string }[] {
  const known = new Set(places.map(({ at }) => at))
  return places.flatMap(({ at, words }) =>
    words.map(({ name }) => ({ from: `${at}/${name}`, to: join(at, name) })).filter(({ to }) => known.has(to)),
  )
}

/** For a POSIX shell. */
export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** `'a'|'b'`, for what must match one of them. */
export const patterns = (names: readonly string[]) => names.map(quote).join('|')
