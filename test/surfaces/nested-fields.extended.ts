// The fields and surfaces that nested-fields.test.ts leaves out.
import './nested-fields.test.ts'
