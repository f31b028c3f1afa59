/** Words of the screen that creates a segment. */
export const newSegment = {
  title: 'New Segment',
  about: 'Describe who belongs to it. The count is exact, and nothing is stored before you create it.',
  name: 'Name',
  namePlaceholder: 'Pricing page visitors',
  description: 'Description',
  descriptionPlaceholder: 'What it is for (optional)',
  kind: 'Members by',
  kinds: { rule: 'Rules', static: 'A list' },
  kindDetail: {
    rule: 'Rules decide who belongs to it, each time that it is computed.',
    static: 'You upload user ids. After you create the segment, drop a file on its page.',
  },
  refresh: 'Refresh',
  refreshes: { manual: 'On request', hourly: 'Every hour' },
  create: 'Create',
  failed: 'Could not create:',
  missing: 'Finish the marked conditions first.',
  nameMissing: 'must have at least one visible character',
  noRole: 'Only members, admins and owners can create segments.',
} as const;
