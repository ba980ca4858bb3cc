// What the schemas of all APIs share. Their error texts end a sentence that starts with the field's name
// (http/validate.ts). Not for the fields of any API.
import { z } from 'zod'

export const must = (what: string) => ({ error: `must be ${what}` })

export const text = z.string(must('a string'))
export const flag = z.boolean(must('true or false'))
export const number = z.number(must('a number'))
export const integer = z.int(must('an integer'))
export const jsonSchema = z.record(z.string(), z.unknown(), must('a JSON Schema, as an object'))
export const object = z.record(z.string(), z.unknown(), must('an object'))

export const uuid = text
  .regex(/^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/, must('the id of a session, a UUID'))
  .toLowerCase()

/** An object that openapi.json lists under a name of its own, and that has no other fields. */
export const strict = <T extends z.ZodRawShape>(id: string, description: string, fields: T) =>
  z.strictObject(fields).meta({ id, description })
