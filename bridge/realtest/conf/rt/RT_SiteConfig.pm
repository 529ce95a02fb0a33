# Request Tracker 5 on loopback: one queue, a database that is a file, mail through a private Postfix.
Set($rtname, '{{.Domain}}');
Set($Organization, '{{.Domain}}');
Set($CorrespondAddress, 'support@{{.Domain}}');
Set($CommentAddress, 'support-comment@{{.Domain}}');
Set($OwnerEmail, '{{.Owner}}');
Set($Timezone, 'UTC');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {{.HTTP.Port}});
Set($WebPath, '');

Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{{.Database}}');

Set($LogToSyslog, '');
Set($LogToSTDERR, 'info');

Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '{{.Dir}}/sendmail');
Set($SendmailArguments, '-oi');
Set($SendmailBounceArguments, '-f "<>"');

Set($HTMLFormatter, 'core');
# Cheap passwords: REST asks for one with every request.
Set($BcryptCost, 4);
$RT::MasonDataDir = '{{.Dir}}/mason';
$RT::MasonSessionDir = '{{.Dir}}/session';
{{.Extra}}
1;
