// Files attached to a prompt, as content blocks of the API.
import type { Prompt } from './conversation.ts'

type Block = Exclude<Prompt, string>[number]

export type Attachment = { name: string; block: Block }

const images = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const
const bytesMax = 20 * 1024 ** 2

export const acceptedFiles = [...images, 'application/pdf', 'text/*', '.md', '.json', '.ts', '.py'].join(',')

/** Throws an Error with the reason if the file cannot be attached. */
export async function readAttachment(file: File): Promise<Attachment> {
  if (file.size > bytesMax) throw new Error(`${file.name} is larger than 20 MB.`)
  const { name, type } = file
  const image = images.find((each) => each === type)
  if (image !== undefined) {
    return { name, block: { type: 'image', source: { type: 'base64', media_type: image, data: await base64Of(file) } } }
  }
  if (type === 'application/pdf') {
    const data = await base64Of(file)
    return { name, block: { type: 'document', title: name, source: { type: 'base64', media_type: type, data } } }
  }
  const data = await file.text()
  if (data.includes('\0')) throw new Error(`${name} is not an image, a PDF or a text file.`)
  return { name, block: { type: 'document', title: name, source: { type: 'text', media_type: 'text/plain', data } } }
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(new Error(`${file.name} could not be read.`))
    reader.readAsDataURL(file)
  })
}
