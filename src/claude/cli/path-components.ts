// Every place on the way to a file or folder, as the system goes it: each folder, each link before it is followed, and where it leads.
// Whoever can change one of them decides what is found at the end.
import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, parse, sep } from 'node:path'

/** As many links as systems follow. */
const linksMax = 40

const segmentsOf = (path: string) =>
  path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((part) => part !== '' && part !== '.')

function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null
  } catch {
    // What is missing can still be made.
    return null
  }
}

/** The last one is the file itself. */
export function pathComponents(path: string): string[] {
  const steps: string[] = []
  // Not by path.resolve, which takes `..` for the folder above a link, not above where that leads.
  let rest = segmentsOf(path)
  let place = parse(path).root || process.cwd()
  for (let links = 0; rest.length > 0; ) {
    const [first = '', ...others] = rest
    const next = join(place, first)
    steps.push(next)
    if (first === '..') {
      place = next
      rest = others
      continue
    }
    const target = linkAt(next)
    if (target === null || ++links > linksMax) {
      place = next
      rest = others
      continue
    }
    place = parse(target).root || dirname(next)
    rest = [...segmentsOf(target), ...others]
  }
  return steps
}
