// Reads the images of a request: base64, in which some programs leave the prefix of a data: URL. The server fetches no
// URLs.
import { imageBlock, isBase64 } from '../../compat/media-blocks.ts'
import type { ImageBlock } from '../../core/content.ts'
import { invalidField } from '../../errors.ts'

export const withoutDataPrefix = (image: string): string => image.replace(/^data:[^,]{0,100};base64,/i, '')

/** Throws `invalid_request` for what is not an image in base64. */
export const toImages = (images: readonly string[] | null | undefined, param: string): ImageBlock[] =>
  (images ?? []).map((image, index) => {
    const data = withoutDataPrefix(image)
    if (!isBase64(data)) throw invalidField(`${param}[${index}]`, 'must be an image in base64')
    return imageBlock(data, `${param}[${index}]`)
  })
