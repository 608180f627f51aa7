-- To whom an invitation was sent by mail, so that the ones that wait can be told apart: a part of the address.
ALTER TABLE invitations ADD COLUMN sent_to TEXT NOT NULL DEFAULT '';

-- How often it was attempted to send a mail.
ALTER TABLE mails RENAME COLUMN tries TO attempts;
